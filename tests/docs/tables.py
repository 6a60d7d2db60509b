"""Tables in documents: their rows, and the tests that cells name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEST = re.compile(r"``(tests/[\w/]+\.py)::(\w+)``")


def rows(table: str) -> list[list[str]]:
    """Return the cells of a ``list-table``, row by row, without the header."""
    rows = [re.split(r"^     - ", row, flags=re.MULTILINE) for row in table.split("\n   * - ")[1:]]
    return [[" ".join(cell.split()) for cell in row] for row in rows[1:]]


def require_tests(cell: str) -> list[tuple[str, str]]:
    """Fail where a cell names a test that does not exist; returns path and name of each."""
    tests: list[tuple[str, str]] = TEST.findall(cell)
    for path, name in tests:
        assert (ROOT / path).exists(), path
        assert name in _names_in(ROOT / path), f"{path} has no {name}"
    return tests


def _names_in(path: Path) -> set[str]:
    """The names of the test functions of a module."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
