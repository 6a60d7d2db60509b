"""A wait for the storage as a message: bounded, printable, and whether there is no room."""

from __future__ import annotations

import errno
import os

import pytest
from ZEO.Exceptions import ClientDisconnected

from zcasync.protocol.waits import PROBLEM_CHARACTERS, Wait, is_full, says_full


def raised_for(error: BaseException) -> ClientDisconnected:
    """Return the error of a storage that says that it is away because of another error."""
    try:
        raise ClientDisconnected("away") from error
    except ClientDisconnected as away:
        return away


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_no_room_is_seen_in_an_error_in_its_cause_and_in_a_text(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert is_full(error)
    assert is_full(raised_for(error))
    assert says_full(f"OSError: {error}")


@pytest.mark.parametrize(
    "error", [ClientDisconnected("away"), ConnectionRefusedError(111, "refused"), OSError("full")]
)
def test_what_is_away_is_not_full(error: Exception) -> None:
    assert not is_full(error)
    assert not says_full(str(error))


def test_an_error_that_is_its_own_cause_is_looked_at_once() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_full(one)


def test_a_wait_is_told_in_a_bounded_printable_text() -> None:
    wait = Wait.of(ValueError("x\x1b[31m" * 1000), 1_000_000, 3)
    assert len(wait.problem) <= PROBLEM_CHARACTERS
    assert wait.problem.isprintable()
    assert Wait.from_dict(wait.as_dict()) == wait
    assert wait.for_status() == {
        "problem": wait.problem,
        "since": "1970-01-01T00:00:01+00:00",
        "tries": 3,
    }
