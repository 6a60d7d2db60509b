"""Conflicts are given to a pass now and then, each once; none is lost with a pass that fails."""

from __future__ import annotations

from zcasync.job.conflict_counts import Conflict, ObjectConflicts
from zcasync.supervisor.poll.conflict_notes import INTERVAL_SECONDS, ConflictNotes

ONE = Conflict("app.Counter", "0x1", ("count",))


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_pass_is_given_what_is_new_and_not_too_often() -> None:
    clock = Clock()
    notes = ConflictNotes(clock)
    assert notes.due() == []
    notes.note(ONE)
    assert notes.due() == [ObjectConflicts("app.Counter", "0x1", 1, {"count": 1})]

    notes.note(ONE)
    assert notes.due() == []
    clock.seconds += INTERVAL_SECONDS - 0.1
    notes.note(ONE)
    assert notes.due() == []
    clock.seconds += 0.1
    assert [one.retries for one in notes.due()] == [2]
    clock.seconds += INTERVAL_SECONDS
    assert notes.due() == []


def test_the_last_pass_writes_what_is_left() -> None:
    notes = ConflictNotes(Clock())
    notes.note(ONE)
    notes.due()
    notes.note(ONE)

    assert [one.retries for one in notes.due(is_last=True)] == [1]


def test_what_a_failed_pass_could_not_write_comes_later() -> None:
    clock = Clock()
    notes = ConflictNotes(clock)
    notes.note(ONE)
    given = notes.due()
    notes.note(ONE)

    notes.add(given)

    assert notes.due() == []
    clock.seconds += INTERVAL_SECONDS
    assert [one.retries for one in notes.due()] == [2]
