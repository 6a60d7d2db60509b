"""Commits that are tried again: a commit whose answer was lost is looked up, and made once."""

from __future__ import annotations

from typing import Any

import pytest
from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from zcasync.database.commit_once import commit_once, look_up
from zcasync.errors import InDoubt


class Records:
    """Records, and transactions over them whose commits end as the test says.

    Each of ``ends``: an exception to raise, before the commit is there or (``there``) after it.
    """

    def __init__(self, *ends: tuple[Exception, bool]) -> None:
        self.stored: list[int] = []
        self.made = 0
        self._ends = list(ends)
        self._pending: list[int] = []

    def begin(self) -> None:
        self._pending = []

    abort = begin

    def commit(self) -> None:
        error, is_there = self._ends.pop(0) if self._ends else (None, True)
        if is_there:
            self.stored += self._pending
        if error is not None:
            raise error

    def change(self) -> int:
        self.made += 1
        self._pending.append(self.made)
        return self.made

    def is_there(self, made: int) -> bool:
        return made in self.stored


AWAY, CONFLICT = ClientDisconnected("away"), ConflictError()


def test_a_change_is_committed_and_its_value_returned() -> None:
    records = Records()

    assert commit_once(records, records.change, records.is_there) == 1
    assert records.stored == [1]


@pytest.mark.parametrize("error", [AWAY, OSError("full"), TransientError("of a hook")])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_commit_in_doubt_is_made_again_only_where_it_is_not_there(
    error: Exception, is_there: bool
) -> None:
    records, waits = Records((error, is_there)), list[BaseException]()

    made = commit_once(records, records.change, records.is_there, storage_lost=waits.append)

    assert records.stored == [made] == [1 if is_there else 2]
    assert waits == [error]


def test_a_conflict_is_no_doubt() -> None:
    records = Records((CONFLICT, False), (CONFLICT, False))
    asked: list[int] = []

    def is_there(made: int) -> bool:
        asked.append(made)
        return records.is_there(made)

    assert commit_once(records, records.change, is_there, tries=3) == 3
    assert (records.stored, asked) == ([3], [])


def test_the_last_conflict_is_raised() -> None:
    records = Records(*[(CONFLICT, False)] * 9)

    with pytest.raises(ConflictError):
        commit_once(records, records.change, records.is_there, tries=3)
    assert records.made == 3


def test_a_conflict_with_the_own_commit_in_doubt_is_its_answer() -> None:
    """It was on its way for so long that it was not there when it was asked about."""
    records = Records((AWAY, False), (CONFLICT, False))
    change, wait = records.change, list[BaseException]().append

    def late() -> int:
        made = change()
        if made == 2:
            records.stored.append(1)
        return made

    assert commit_once(records, late, records.is_there, tries=1, storage_lost=wait) == 1
    assert records.stored == [1]


def test_a_storage_that_does_not_come_back_leaves_the_commit_in_doubt() -> None:
    records = Records((AWAY, True))

    with pytest.raises(InDoubt, match="not known whether that is stored: ClientDisconnected"):
        commit_once(records, records.change, records.is_there)
    assert records.made == 1


def test_a_storage_that_is_away_before_the_commit_leaves_no_doubt() -> None:
    records = Records()

    def change() -> Any:
        raise AWAY

    with pytest.raises(ClientDisconnected):
        commit_once(records, change, records.is_there)


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_what_else_a_change_raises_is_raised_and_nothing_is_left_of_it(
    error: BaseException,
) -> None:
    records = Records()

    def change() -> Any:
        records.change()
        raise error

    with pytest.raises(type(error)):
        commit_once(records, change, records.is_there)
    assert records._pending == []


def test_a_question_waits_for_the_storage() -> None:
    records, waits = Records(), list[BaseException]()
    errors: list[Exception] = [AWAY, CONFLICT, AWAY]

    def question() -> int:
        if errors:
            raise errors.pop()
        return 42

    assert look_up(records, question, waits.append) == 42
    assert waits == [AWAY, AWAY]
