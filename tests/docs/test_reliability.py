"""docs/reliability.rst: each promise has a limit, each act an answer, and tests that exist."""

from __future__ import annotations

import pytest

from tests.docs.tables import ROOT, TEST, require_tests, rows

TEXT = (ROOT / "docs" / "reliability.rst").read_text()
PROMISES, REST = TEXT.split("\nWhat a job may do to its process\n", 1)
TABLE = rows(PROMISES.split(".. list-table::", 1)[1])
ACTS = rows(REST.split("\nThe chaos suite\n", 1)[0])


def test_the_document_has_promises() -> None:
    assert len(TABLE) >= 15


@pytest.mark.parametrize("row", [*TABLE, *ACTS], ids=lambda row: row[0][:60])
def test_a_promise_has_a_limit_an_act_an_answer_and_each_tests_that_exist(row: list[str]) -> None:
    promise_or_act, limit_or_answer, held_by = row

    assert promise_or_act
    assert limit_or_answer
    assert require_tests(held_by)
    assert TEST.sub("", held_by).strip() == ""
