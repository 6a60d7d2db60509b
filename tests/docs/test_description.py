"""docs/description.rst names every section of the description, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.tables import ROOT, TEST, require_tests, rows

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
SECTION = re.compile(r'([\w-]+\.rst), "([^"]+)"')
TABLE = rows((DOCS / "description.rst").read_text().split(".. list-table::", 1)[1])


def titles(document: Path) -> set[str]:
    """The section titles of a document."""
    found = re.findall(r"^(\S.*)\n([=\-])\2*$", document.read_text(), re.MULTILINE)
    return {title for title, _ in found}


def test_every_section_and_every_footnote_has_a_row_without_an_empty_cell() -> None:
    assert [row[0] for row in TABLE] == [*SECTIONS, *(f"Footnote: {name}" for name in FOOTNOTES)]
    for row in TABLE:
        assert len(row) == 3, row
        assert all(row), row


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_the_tests_and_sections_that_a_row_names_exist(row: list[str]) -> None:
    tests, sections = require_tests(row[2]), SECTION.findall(row[2])

    assert tests or sections
    rest = SECTION.sub("", TEST.sub("", row[2])).replace(";", "").strip()
    assert rest == "", f"neither a test nor a section: {rest}"
    for document, title in sections:
        assert title in titles(DOCS / document), f"{document} has no section {title!r}"


def test_the_index_names_every_guide() -> None:
    named = set(re.findall(r"`\w[^`]*<([\w-]+\.rst)>`_", (DOCS / "index.rst").read_text()))

    assert named == {path.name for path in DOCS.glob("*.rst")} - {"index.rst"}
