"""docs/description.rst names every section of the description, and tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SECTIONS = [
    "zc.async",
    "Set Up",
    "Basic Usage: IManager.add",
    "Partials",
    "Thread Calls And Reactor Calls",
    "Optimized Usage",
    "Writing a task that doesn't need a ZODB connection",
    "Multiple ZEO workers",
    "Catching and Fixing Errors",
    "Gotchas",
    "Patterns",
    "Partials That Need a Certain Environment",
    "Callbacks That Want to be Performed by a Worker",
    "Progress Reports",
    "Expiration",
    "Stopping the Engine",
]
FOOTNOTES = ["uuid", "subscribers", "setup", "handlers", "partial", "resolve", "tear_down"]
TEST = re.compile(r"``(tests/[\w/]+\.py)::(\w+)``")
SECTION = re.compile(r'([\w-]+\.rst), "([^"]+)"')


def rows() -> list[list[str]]:
    """The cells of the table, row by row, without the header."""
    _, table = (DOCS / "description.rst").read_text().split(".. list-table::", 1)
    rows = [re.split(r"^     - ", row, flags=re.MULTILINE) for row in table.split("\n   * - ")[1:]]
    return [[" ".join(cell.split()) for cell in row] for row in rows[1:]]


def titles(document: Path) -> set[str]:
    """The section titles of a document."""
    found = re.findall(r"^(\S.*)\n([=\-])\2*$", document.read_text(), re.MULTILINE)
    return {title for title, _ in found}


def names_in(path: Path) -> set[str]:
    """The names of the test functions of a module."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_section_and_every_footnote_has_a_row_without_an_empty_cell() -> None:
    assert [row[0] for row in rows()] == [*SECTIONS, *(f"Footnote: {name}" for name in FOOTNOTES)]
    for row in rows():
        assert len(row) == 3, row
        assert all(row), row


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_tests_and_sections_that_a_row_names_exist(row: list[str]) -> None:
    tests, sections = TEST.findall(row[2]), SECTION.findall(row[2])

    assert tests or sections
    rest = SECTION.sub("", TEST.sub("", row[2])).replace(";", "").strip()
    assert rest == "", f"neither a test nor a section: {rest}"
    for path, name in tests:
        assert (ROOT / path).exists(), path
        assert name in names_in(ROOT / path), f"{path} has no {name}"
    for document, title in sections:
        assert title in titles(DOCS / document), f"{document} has no section {title!r}"


def test_the_index_names_every_guide() -> None:
    named = set(re.findall(r"`\w[^`]*<([\w-]+\.rst)>`_", (DOCS / "index.rst").read_text()))

    assert named == {path.name for path in DOCS.glob("*.rst")} - {"index.rst"}
