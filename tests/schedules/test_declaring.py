"""Schedules that code declares at each start: added, updated, removed; others are left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial
from zcasync.job.values import INLINE_LIMIT_BYTES

NIGHTLY: dict[str, Any] = {"call": samples.echo, "args": [1], "cron": "0 3 * * *"}
HOURLY: dict[str, Any] = {"call": samples.nothing, "every": timedelta(hours=1)}


def declare(session: Session, source: str = "shop", **schedules: Any) -> dict[str, str]:
    """Declare, and commit."""
    done = session.manager.schedules.declare(source, schedules)
    session.commit()
    return done


def test_what_is_declared_is_added_once(session: Session) -> None:
    assert declare(session, nightly=NIGHTLY, hourly=HOURLY) == {
        "nightly": "added", "hourly": "added",
    }  # fmt: skip
    assert session.manager.schedules["nightly"].source == "shop"
    last = session.connection.db().lastTransaction()
    assert set(declare(session, nightly=NIGHTLY, hourly=HOURLY).values()) == {"unchanged"}
    assert session.connection.db().lastTransaction() == last, "nothing was written"


@pytest.mark.parametrize(
    "call",
    [
        Partial(samples.echo, [1, {"a": (2, 3)}], key={1}),
        Partial(samples.echo, samples.Plain),
        Partial(samples.echo, "x" * 2 * INLINE_LIMIT_BYTES),
        Partial(samples.echo, ["x" * 2 * INLINE_LIMIT_BYTES]),
    ],
)
def test_a_call_that_is_the_same_is_not_written_again(session: Session, call: Any) -> None:
    def again() -> Partial:
        return Partial(call.callable, *call.args, **call.kwargs)

    declare(session, nightly={"call": again(), "every": 60})
    session.connection.cacheMinimize()
    assert declare(session, nightly={"call": again(), "every": 60}) == {"nightly": "unchanged"}


def test_a_method_of_a_stored_object_is_the_same(session: Session) -> None:
    account = session.keep(samples.Demo())
    declare(session, nightly={"call": account.increase, "every": 60})
    assert declare(session, nightly={"call": account.increase, "every": 60}) == {
        "nightly": "unchanged"
    }
    other = session.keep(samples.Demo(), "other")
    assert declare(session, nightly={"call": other.increase, "every": 60}) == {"nightly": "updated"}


@pytest.mark.parametrize(
    "change",
    [
        {"args": [2]}, {"call": samples.note}, {"queue": "reactor"}, {"catch_up": "skip"},
        {"overlap": "allow"}, {"jitter": 5}, {"retry": "never"}, {"secret": True},
        {"begin_by": timedelta(hours=1)},
    ],
)  # fmt: skip
def test_what_differs_is_updated_and_keeps_its_ticks(
    session: Session, change: dict[str, Any]
) -> None:
    declare(session, nightly=NIGHTLY)
    schedule = session.manager.schedules["nightly"]
    schedule.decide(1_000_000)
    session.manager.agenda.file(schedule, 77_000_000)  # type: ignore[union-attr]
    session.commit()
    assert declare(session, nightly={**NIGHTLY, **change}) == {"nightly": "updated"}
    assert (schedule._last, schedule.filed) == (1_000_000, 77_000_000)
    assert declare(session, nightly={**NIGHTLY, **change}) == {"nightly": "unchanged"}


@pytest.mark.parametrize("change", [{"cron": "0 4 * * *"}, {"zone": "Europe/Berlin"}])
def test_other_ticks_are_planned_anew(session: Session, change: dict[str, Any]) -> None:
    declare(session, nightly=NIGHTLY)
    schedule = session.manager.schedules["nightly"]
    schedule.decide(1_000_000)
    session.manager.agenda.file(schedule, 77_000_000)  # type: ignore[union-attr]
    session.commit()
    assert declare(session, nightly={**NIGHTLY, **change}) == {"nightly": "updated"}
    assert (schedule._last, schedule.filed) == (1_000_000, 0)


def test_what_is_not_declared_any_more_is_removed_and_that_of_others_stays(
    session: Session,
) -> None:
    session.manager.schedules.add("by hand", samples.nothing, every=60)
    declare(session, "blog", weekly=HOURLY)
    declare(session, nightly=NIGHTLY, hourly=HOURLY)
    assert declare(session, nightly=NIGHTLY) == {"nightly": "unchanged", "hourly": "removed"}
    assert list(session.manager.schedules) == ["by hand", "nightly", "weekly"]
    assert declare(session) == {"nightly": "removed"}


def test_a_pause_stays(session: Session) -> None:
    declare(session, nightly=NIGHTLY)
    session.manager.schedules.pause("nightly")
    session.commit()
    declare(session, nightly=NIGHTLY)
    declare(session, nightly={**NIGHTLY, "cron": "0 4 * * *"})
    schedule = session.manager.schedules["nightly"]
    assert schedule.is_paused
    assert schedule.filed is None


@pytest.mark.parametrize("owner", [None, "blog"])
def test_a_name_of_somebody_else_is_refused_before_anything_changes(
    session: Session, owner: str | None
) -> None:
    if owner is None:
        session.manager.schedules.add("nightly", samples.nothing, every=60)
    else:
        declare(session, owner, nightly=HOURLY)
    session.commit()
    with pytest.raises(ValueError, match=f"was made {'by hand' if owner is None else 'by .blog.'}"):
        session.manager.schedules.declare("shop", {"aaa": HOURLY, "nightly": NIGHTLY})
    assert list(session.manager.schedules) == ["nightly"]


def test_what_is_wrong_is_refused_before_anything_changes(session: Session) -> None:
    schedules = session.manager.schedules
    with pytest.raises(ValueError, match="schedule 'b' has no call"):
        schedules.declare("shop", {"a": NIGHTLY, "b": {"every": 60}})
    with pytest.raises(ValueError, match="is no cron expression"):
        schedules.declare("shop", {"a": NIGHTLY, "b": {**NIGHTLY, "cron": "daily"}})
    with pytest.raises(ValueError, match="source must be a text"):
        schedules.declare("", {})
    assert schedules.declare("shop", {}) == {}
    assert session.manager.agenda is None


def test_a_damaged_one_is_made_anew(session: Session, connect: Connect) -> None:
    declare(session, nightly=NIGHTLY)
    session.manager.schedules["nightly"]._runs = 7
    session.commit()
    other = connect()
    assert declare(other, nightly=NIGHTLY) == {"nightly": "added"}
    assert other.manager.schedules["nightly"].runs == []


def test_an_interval_keeps_its_anchor(session: Session, fake_clock: FakeClock) -> None:
    declare(session, hourly=HOURLY)
    schedule = session.manager.schedules["hourly"]
    schedule.plan(fake_clock())
    session.commit()
    assert declare(session, hourly=HOURLY) == {"hourly": "unchanged"}
    assert schedule._anchor == fake_clock()
    assert declare(session, hourly={**HOURLY, "every": 7200}) == {"hourly": "updated"}
    assert schedule._anchor is None
