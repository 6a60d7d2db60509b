"""Private names that are used where they are not defined.

A use is ``x._name`` where ``x`` is not the own object, the same by ``getattr`` and the like, and an
import of ``_name`` from a module of ours.  A name is defined where a class or a module binds it, or
a method binds it on ``self``.  ``_p_*`` and ``_v_*`` are what persistent classes are told to use.

A name that no module defines is a library's.  So is every one that the lowest rooms use: they know
no object of the rooms above them, whose names may be the same.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.house.source import Module, Node

OWN = ("self", "cls")
#: Rooms that know no objects but their own and those of libraries.
LOWEST = ("relstorage", "zeo")
#: Public all the same: documented by Python.
PUBLIC = ("_exit", "_replace", "_asdict", "_fields", "_current_frames", "_getframe")
BY_NAME = ("getattr", "setattr", "hasattr", "delattr")


@dataclass(frozen=True)
class Use:
    """A private name of another object; ``defined_in``: the folders that define such a name."""

    module: Module
    where: str
    name: str
    defined_in: frozenset[str]

    @property
    def is_of_this_folder(self) -> bool:
        return self.module.folder in self.defined_in

    @property
    def is_of_a_library(self) -> bool:
        return not self.defined_in


def foreign_uses(modules: Mapping[str, Module]) -> list[Use]:
    """The uses of private names that the module itself does not define."""
    own = {name: defined(module) for name, module in modules.items()}
    folders: dict[str, set[str]] = defaultdict(set)
    for name, names in own.items():
        for one in names:
            folders[one].add(modules[name].folder)
    return [
        Use(module, module.at(node), used, _homes(module, folders.get(used, set())))
        for module in modules.values()
        for node, used in uses(module)
        if used not in own[module.name]
    ]


def _homes(module: Module, folders: set[str]) -> frozenset[str]:
    return frozenset(folders & {module.folder} if module.folder in LOWEST else folders)


def is_private(name: str) -> bool:
    """Return whether a name belongs to its own module or class."""
    is_marked = name.startswith("_") and not name.startswith(("__", "_p_", "_v_"))
    return is_marked and name != "_" and name not in PUBLIC


def uses(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Each place where a module uses a private name of something else, with the name."""
    for one in module.of_kind(ast.Attribute, ast.Call, ast.ImportFrom):
        for name in _names_used(one.node):
            if is_private(name):
                yield one.node, name


def _names_used(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(value=value, attr=name):
            return [] if _is_own(value) else [name]
        case ast.Call(func=ast.Name(id=called), args=[of, ast.Constant(value=str(name)), *_]):
            return [name] if called in BY_NAME and not _is_own(of) else []
        case ast.ImportFrom(module=str(source), names=names) if source.startswith("zcasync"):
            return [alias.name for alias in names]
    return []


def _is_own(value: ast.AST) -> bool:
    match value:
        case ast.Name(id=name):
            return name in OWN
        case ast.Call(func=ast.Name(id="super" | "type")):
            return True
    return False


def defined(module: Module) -> set[str]:
    """The private names that a module, its classes and their methods bind."""
    return {name for one in module.nodes for name in _names_bound(one) if is_private(name)}


def _names_bound(one: Node) -> list[str]:
    in_function = one.is_in_function
    match one.node:
        case ast.Attribute(value=value, attr=name, ctx=ast.Store()) if _is_own(value):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()) if not in_function:
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            is_of_a_function = bool(one.outer) and not isinstance(one.outer[-1], ast.ClassDef)
            return [] if is_of_a_function else [name]
        case ast.Assign(targets=[ast.Name(id="__slots__")], value=value):
            return [leaf.value for leaf in ast.walk(value) if _is_text(leaf)]
    return []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
