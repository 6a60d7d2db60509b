"""When the embedded database is packed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from tests.support.scenes import Said
from zcasync.database import pack_note
from zcasync.database.packing import last_packed, note_packed
from zcasync.instance.home import Home
from zcasync.supervisor.zeo_server import pack_schedule
from zcasync.supervisor.zeo_server.pack_schedule import DAY_SECONDS, PackSchedule


class Thread:
    """Works at once."""

    closed = False

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args)

    def close(self) -> None:
        self.closed = True


class Packed:
    """A database that says when it was packed."""

    def __init__(self, reactor: Clock) -> None:
        self._reactor = reactor
        self.moments: list[float] = []
        self.error: Exception | None = None

    def pack(self, days: float) -> None:
        assert days == 1
        self.moments.append(self._reactor.seconds() / DAY_SECONDS)
        if self.error is not None:
            raise self.error


class Plan:
    """A schedule of every two days, on a fake clock."""

    def __init__(self, home: Home, days: float = 2) -> None:
        self.reactor = Clock()
        self.reactor.advance(1000 * DAY_SECONDS)
        self.db = Packed(self.reactor)
        self.thread = Thread()
        self.schedule = PackSchedule(
            self.reactor, home, self.db, days, self.thread, self.reactor.seconds
        )

    def pass_days(self, days: float) -> None:
        self.reactor.pump([DAY_SECONDS / 48] * round(days * 48))

    @property
    def days(self) -> list[int]:
        """On which days after the beginning it was packed."""
        return [round(moment - 1000) for moment in self.db.moments]


@pytest.fixture
def plan(home: Home, monkeypatch: pytest.MonkeyPatch) -> Plan:
    made = Plan(home)
    monkeypatch.setattr(pack_schedule.time, "time", made.reactor.seconds)
    return made


def test_a_database_is_packed_whenever_the_days_have_passed(plan: Plan) -> None:
    plan.schedule.start()
    plan.pass_days(7)
    assert plan.days == [2, 4, 6]
    plan.schedule.stop()
    plan.schedule.stop()
    plan.pass_days(7)
    assert plan.days == [2, 4, 6]
    assert plan.thread.closed
    assert not plan.reactor.getDelayedCalls()


def test_a_restart_does_not_delay_the_next_pack(plan: Plan, home: Home) -> None:
    note_packed(home)
    plan.pass_days(1.5)
    plan.schedule.start()
    plan.pass_days(1)
    assert plan.days == [2]


def test_a_database_packed_by_hand_is_not_packed_again_soon(plan: Plan, home: Home) -> None:
    plan.schedule.start()
    plan.pass_days(1.75)
    note_packed(home)
    plan.pass_days(1)
    assert plan.days == []
    plan.pass_days(1)
    assert plan.days == [4]


def test_a_pack_that_fails_is_tried_again_in_an_hour(
    plan: Plan, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    try:
        plan.schedule.start()
        plan.db.error = OSError("the disk is full")
        plan.pass_days(2.15)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert len(plan.db.moments) in (3, 4)
    assert Said(events).about("could not be packed")
    plan.db.error = None
    plan.pass_days(1)
    assert len(plan.db.moments) in (4, 5)
    assert (last_packed(home) or 0) > 1002 * DAY_SECONDS


def test_a_clock_that_was_set_back_does_not_delay_the_next_pack_for_ever(
    plan: Plan, home: Home
) -> None:
    note_packed(home)
    home.packed.write_text('{"at": 1e12}')
    plan.schedule.start()
    plan.pass_days(0.5)
    assert len(plan.db.moments) == 1


def test_a_schedule_without_days_never_packs(home: Home) -> None:
    plan = Plan(home, 0)
    plan.schedule.start()
    plan.pass_days(30)
    assert plan.days == []
    assert not home.packed.exists()
    plan.schedule.stop()
    assert not plan.reactor.getDelayedCalls()


def test_the_size_of_the_database_is_noted_from_time_to_time(plan: Plan, home: Home) -> None:
    home.data_fs.write_bytes(b"x")
    plan.schedule.start()
    plan.pass_days(1.1)
    assert len(json.loads(home.space.read_text())) == 5
    plan.schedule.stop()


def test_a_pack_is_noted_and_why_it_failed(plan: Plan, home: Home) -> None:
    plan.schedule.start()
    plan.db.error = OSError("the disk is full")
    plan.pass_days(2.05)
    found = pack_note.read(home)
    assert found is not None
    assert found.problem == "OSError: the disk is full"
    plan.db.error = None
    plan.pass_days(0.1)
    assert pack_note.read(home) is None
    plan.schedule.stop()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": null}', "1"])
def test_an_unreadable_file_of_the_last_pack_counts_as_none(home: Home, text: str) -> None:
    home.packed.write_text(text)
    assert last_packed(home) is None
