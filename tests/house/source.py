"""The modules of a checkout, each read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "zcasync"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Node:
    """A node of a module's tree; ``outer``: the classes and functions around it."""

    node: ast.AST
    outer: tuple[ast.AST, ...]

    @property
    def is_in_function(self) -> bool:
        return any(isinstance(scope, FUNCTIONS) for scope in self.outer)


@dataclass(frozen=True)
class Module:
    """A module of the package; ``path`` is relative to the checkout."""

    path: Path
    text: str

    @cached_property
    def name(self) -> str:
        """The dotted name; that of the package for an ``__init__``."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def folder(self) -> str:
        """The folder inside the package: ``supervisor/poll``; ``""`` for the top of the package."""
        return "/".join(self.path.parent.parts[1:])

    @cached_property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[Node]:
        """Every node of the tree, outer ones first."""
        return [Node(self.tree, ()), *_inside(self.tree, ())]

    def of_kind(self, *kinds: type[ast.AST]) -> Iterator[Node]:
        """The nodes of these classes."""
        return (one for one in self.nodes if isinstance(one.node, kinds))

    def at(self, node: ast.AST) -> str:
        """Where a node stands: ``zcasync/clock.py:12``."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def _inside(node: ast.AST, outer: tuple[ast.AST, ...]) -> Iterator[Node]:
    inner = (*outer, node) if isinstance(node, SCOPES) else outer
    for child in ast.iter_child_nodes(node):
        yield Node(child, inner)
        yield from _inside(child, inner)


def read(root: Path) -> dict[str, Module]:
    """The modules of the package in a checkout, by name.  FileNotFoundError: there is none."""
    if not (root / PACKAGE / "__init__.py").exists():
        raise FileNotFoundError(f"{root} has no package {PACKAGE}")
    paths = sorted((root / PACKAGE).rglob("*.py"))
    modules = [Module(path.relative_to(root), path.read_text()) for path in paths]
    return {module.name: module for module in modules}
