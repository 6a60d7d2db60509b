"""docs/reliability.rst: each promise has a limit and tests that exist."""

from __future__ import annotations

import pytest

from tests.docs.tables import ROOT, TEST, require_tests, rows

TEXT = (ROOT / "docs" / "reliability.rst").read_text()
TABLE = rows(TEXT.split(".. list-table::", 1)[1].split("\nThe chaos suite\n", 1)[0])


def test_the_document_has_promises() -> None:
    assert len(TABLE) >= 15


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0][:60])
def test_a_promise_has_a_limit_and_tests_that_exist(row: list[str]) -> None:
    promise, limit, held_by = row

    assert promise
    assert limit
    assert require_tests(held_by)
    assert TEST.sub("", held_by).strip() == ""
