"""The source of a class: whether a method that it has now can be one that other processes see.

In another process a class is as its source says.  A method that replaced one afterwards, a patch of
this process, is not there; one that a decorator made is.  Neither needs a name of its own, so the
source is asked.  In doubt, and where there is no source, a class counts as it is.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType

#: Decorators that leave the function as it is.
KINDS = ("classmethod", "staticmethod")


@functools.lru_cache(maxsize=1000)
def is_replaced(kind: type, name: str, is_inherited: bool) -> bool:
    """Return whether, by the source of a class, another function is its method of this name.

    To be asked about a function that is not written in the class itself.  ``is_inherited``: the
    class has bases with a method of this name, too.
    """
    module = _module_source(kind.__module__)
    found = _Found(kind.__name__)
    if module is not None:
        found.visit(module)
    if len(found.classes) != 1 or _may_change_methods(kind, found.classes[0]):
        return False
    written = _unmangled(kind, name)
    if not found.assigned.isdisjoint((name, written, None)):
        return False
    bindings = [one for one in _statements(found.classes[0].body) if _binds(one, written)]
    return all(map(_is_plain_method, bindings)) if bindings else is_inherited


@functools.lru_cache(maxsize=10)
def _module_source(name: str) -> ast.Module | None:
    """Return the source of a module; None: there is none to be read."""
    try:
        return ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError, SyntaxError, ValueError):
        return None


class _Found(ast.NodeVisitor):
    """The classes of one name in a module, and the names of the attributes that it assigns.

    None among the names: one that is computed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.classes: list[ast.ClassDef] = []
        self.assigned: set[str | None] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Note a class of the name."""
        if node.name == self._name:
            self.classes.append(node)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note an assignment."""
        if isinstance(node.ctx, ast.Store):
            self.assigned.add(node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note an assignment by ``setattr``."""
        if isinstance(node.func, ast.Name) and node.func.id == "setattr" and len(node.args) > 1:
            name = node.args[1]
            self.assigned.add(str(name.value) if isinstance(name, ast.Constant) else None)
        self.generic_visit(node)


def _may_change_methods(kind: type, node: ast.ClassDef) -> bool:
    """Return whether code that runs with a class statement may give the class other methods."""
    made_by = type(kind)
    in_python = (made_by.__new__, made_by.__init__)
    has_hook = any("__init_subclass__" in vars(base) for base in kind.__mro__[1:-1])
    return bool(node.decorator_list) or has_hook or any(map(_is_function, in_python))


def _is_function(value: object) -> bool:
    return isinstance(value, FunctionType)


def _unmangled(kind: type, name: str) -> str:
    """Return the name as it is written in the class: private names are stored with the class's."""
    before = f"_{kind.__name__.lstrip('_')}__"
    return name[len(before) - 2 :] if name.startswith(before) else name


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the statements of a class, those in blocks too, but not those of its functions."""
    for one in body:
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _statements(ast.iter_child_nodes(one))


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.alias):
        return (node.asname or node.name) == name
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name


def _is_plain_method(node: ast.AST) -> bool:
    """Return whether a statement defines a method, and no decorator gives it another function."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return all(isinstance(one, ast.Name) and one.id in KINDS for one in node.decorator_list)
