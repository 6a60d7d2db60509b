"""Lengths and parameters of functions, methods and functions inside them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from tests.house.source import FUNCTIONS, Module, Node


@dataclass(frozen=True)
class Function:
    """A function: where, its lines without the docstring, its parameters without self."""

    where: str
    name: str
    lines: int
    parameters: int


def find_functions(modules: Iterable[Module]) -> list[Function]:
    """Every function of the modules."""
    return [_measure(module, one) for module in modules for one in module.of_kind(*FUNCTIONS)]


def _measure(module: Module, one: Node) -> Function:
    node = one.node
    assert isinstance(node, FUNCTIONS)
    return Function(module.at(node), node.name, _lines(node), _parameters(one))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


def _parameters(one: Node) -> int:
    assert isinstance(one.node, FUNCTIONS)
    parts = one.node.args
    names = [part.arg for part in (*parts.posonlyargs, *parts.args)]
    is_method = bool(one.outer) and isinstance(one.outer[-1], ast.ClassDef)
    own = is_method and names[:1] in (["self"], ["cls"])
    return len(names) + len(parts.kwonlyargs) - own
