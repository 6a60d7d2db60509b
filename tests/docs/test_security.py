"""docs/security.rst: each attempt has an outcome and tests that exist."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tests.docs.tables import ROOT, TEST, require_tests, rows

TEXT = (ROOT / "docs" / "security.rst").read_text()
ATTEMPTS = rows(TEXT.split("\nAttempts, and what", 1)[1].split("\nA client that is", 1)[0])


def test_the_document_has_attempts() -> None:
    assert len(ATTEMPTS) >= 15


@pytest.mark.parametrize("row", ATTEMPTS, ids=lambda row: row[0][:60])
def test_an_attempt_has_an_outcome_and_tests_that_exist(row: list[str]) -> None:
    attempt, outcome, held_by = row

    assert attempt
    assert outcome
    assert require_tests(held_by)
    assert TEST.sub("", held_by).strip() == ""


def test_the_picture_is_one() -> None:
    picture = ElementTree.parse(ROOT / "docs" / "trust-boundary.svg").getroot()

    texts = " ".join(filter(None, (one.text for one in picture.iter())))
    assert "who can write the database can run code in here" in texts
