"""docs/reliability.rst: each promise has a limit and tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reliability.rst"
TEST = re.compile(r"``(tests/[\w/]+\.py)::(\w+)``")


def rows() -> list[list[str]]:
    """The cells of the table of promises, row by row, without the header."""
    table = DOCUMENT.read_text().split(".. list-table::", 1)[1].split("\nThe chaos suite\n", 1)[0]
    rows = [re.split(r"^     - ", row, flags=re.MULTILINE) for row in table.split("\n   * - ")[1:]]
    return [[" ".join(cell.split()) for cell in row] for row in rows[1:]]


def names_in(path: Path) -> set[str]:
    """The names of the test functions of a module."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_document_has_promises() -> None:
    assert len(rows()) >= 15


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_a_promise_has_a_limit_and_tests_that_exist(row: list[str]) -> None:
    promise, limit, held_by = row
    tests = TEST.findall(held_by)

    assert promise
    assert limit
    assert tests
    assert TEST.sub("", held_by).strip() == ""
    for path, name in tests:
        assert (ROOT / path).exists(), path
        assert name in names_in(ROOT / path), f"{path} has no {name}"
