"""Who imports whom.  Imports inside functions and those for types alone count as all others do."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.house.source import Module, Node

T = TypeVar("T")


@dataclass(frozen=True)
class Import:
    """One import statement's way to one module; ``ours`` None: the module is not of the package."""

    importer: Module
    target: str
    name: str | None
    ours: Module | None
    node: ast.Import | ast.ImportFrom
    is_in_function: bool

    @property
    def where(self) -> str:
        return self.importer.at(self.node)


def find_imports(modules: Mapping[str, Module]) -> list[Import]:
    """Every import of every module."""
    return [
        one
        for module in modules.values()
        for node in module.of_kind(ast.Import, ast.ImportFrom)
        for one in _targets(module, node, modules)
    ]


def _targets(importer: Module, at: Node, modules: Mapping[str, Module]) -> Iterator[Import]:
    node = at.node
    assert isinstance(node, ast.Import | ast.ImportFrom)
    for alias in node.names:
        if isinstance(node, ast.Import):
            target, name = alias.name, None
        elif f"{node.module}.{alias.name}" in modules:
            target, name = f"{node.module}.{alias.name}", None
        else:
            target, name = "." * node.level + (node.module or ""), alias.name
        ours = modules.get(target)
        yield Import(importer, target, name, ours, node, at.is_in_function)


def arrows(imports: Iterable[Import], room: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """From room to room: where, once for each pair of modules."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = defaultdict(dict)
    for one in imports:
        if one.ours is not None:
            pair = one.importer.name, one.ours.name
            ends = room[pair[0]], room[pair[1]]
            if ends[0] != ends[1]:
                found[ends].setdefault(pair, f"{one.where} imports {one.target}")
    return {ends: list(pairs.values()) for ends, pairs in found.items()}


def back_up(arrow: Iterable[tuple[str, str]], floor: Mapping[str, int]) -> list[tuple[str, str]]:
    """The arrows that lead to a higher floor; a room that has no floor is above all."""
    top = len(floor)
    return sorted(ends for ends in arrow if floor.get(ends[1], top) > floor.get(ends[0], top))


def graph(imports: Iterable[Import]) -> dict[str, set[str]]:
    """The modules that each module imports."""
    edges: dict[str, set[str]] = defaultdict(set)
    for one in imports:
        if one.ours is not None and one.ours is not one.importer:
            edges[one.importer.name].add(one.ours.name)
    return edges


def circles(edges: Mapping[T, Iterable[T]]) -> list[list[T]]:
    """The groups in which each leads to each other, the largest first."""
    reach = {start: _reachable(edges, start) for start in edges}
    groups = {
        frozenset(other for other in reach[one] if one in reach.get(other, ()))
        for one in edges
        if one in reach[one]
    }
    found = [sorted(group) for group in groups]  # type: ignore[type-var]
    return sorted(found, key=lambda group: (-len(group), group))


def _reachable(edges: Mapping[T, Iterable[T]], start: T) -> set[T]:
    seen: set[T] = set()
    todo = list(edges.get(start, ()))
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo.extend(edges.get(one, ()))
    return seen


def inside_functions(imports: Iterable[Import], except_in: str = "cli") -> list[Import]:
    """Imports inside functions, of anything, outside one folder."""
    return [one for one in imports if one.is_in_function and one.importer.folder != except_in]
