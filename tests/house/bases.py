"""Where a method without a docstring is documented: in an interface, or in a base class.

The classes of the package are read, not imported: it may be an older one.  Those of libraries are
imported, and what a method of theirs is for is theirs to say.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.house.source import Module

#: Decorators that name the interfaces of a class.
DECLARE = ("implementer", "provider")


class Classes:
    """The classes of the package and what they inherit or implement."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._bound = {name: _bound(module) for name, module in modules.items()}

    def is_documented(self, module: Module, kind: ast.ClassDef, name: str) -> bool:
        """Return whether an interface, a base class or a library has the word on a method."""
        return any(self._documents(above, name) for above in self._above(module, kind))

    def _documents(self, above: Any, name: str) -> bool:
        if isinstance(above, tuple):
            return name in _documented_in(above[1]) or self.is_documented(*above, name)
        if hasattr(above, "names"):  # an interface of a library
            return name in above.names(all=True)
        return hasattr(above, name)

    def _above(self, module: Module, kind: ast.ClassDef) -> Iterator[Any]:
        """The bases and interfaces: (module, class) for those of ours, else the class itself."""
        declared = [
            argument
            for decorator in kind.decorator_list
            if isinstance(decorator, ast.Call) and _last_name(decorator.func) in DECLARE
            for argument in decorator.args
        ]
        found = (self._resolve(module, expression) for expression in (*kind.bases, *declared))
        return (one for one in found if one is not None)

    def _resolve(self, module: Module, expression: ast.expr) -> Any:
        """What an expression like ``bases.Class[int]`` stands for in a module."""
        match expression:
            case ast.Subscript(value=value):
                return self._resolve(module, value)
            case ast.Name(id=name):
                return self._named(module, name)
            case ast.Attribute(value=value, attr=name):
                return self._member(self._resolve(module, value), name)
        return None

    def _named(self, module: Module, name: str) -> Any:
        match self._bound[module.name].get(name):
            case ast.ClassDef() as kind:
                return module, kind
            case str(source), str(member):
                return self._member(self._module(source), member)
            case str(source):
                return self._module(source)
        return None

    def _member(self, of: Any, name: str) -> Any:
        if not isinstance(of, Module):
            return getattr(of, name, None)
        return self._modules.get(f"{of.name}.{name}") or self._named(of, name)

    def _module(self, name: str) -> Any:
        return self._modules.get(name) or importlib.import_module(name)


def _bound(module: Module) -> dict[str, Any]:
    """What a module's names are: a class, a module's name, or that and a name in it."""
    found: dict[str, Any] = {}
    for one in module.of_kind(ast.ClassDef, ast.Import, ast.ImportFrom):
        match one.node:
            case ast.ClassDef(name=name):
                found.setdefault(name, one.node)
            case ast.ImportFrom(module=str(source), names=aliases):
                for alias in aliases:
                    found.setdefault(alias.asname or alias.name, (source, alias.name))
            case ast.Import(names=aliases):
                for alias in aliases:
                    first = alias.name.split(".")[0]
                    found.setdefault(alias.asname or first, alias.name if alias.asname else first)
    return found


def _documented_in(kind: ast.ClassDef) -> set[str]:
    """The names that a class or an interface of ours says something of."""
    found = set()
    for statement in kind.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if ast.get_docstring(statement) is not None:
                    found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=called)):
                if _last_name(called) == "Attribute":
                    found.add(name)
    return found


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
