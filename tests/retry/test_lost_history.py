"""A history that cannot be loaded is begun anew: it is evidence, and no job depends on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import POSKeyError, StorageError

from tests.jobs import retry as retry_jobs
from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import HistoryChanged
from zcasync.job.history import AttemptHistory
from zcasync.liveness.death import Death
from zcasync.liveness.interruption import interrupt
from zcasync.perform.performer import Performer
from zcasync.reports.job import describe, release, summary

POLICY = f"{retry_jobs.__name__}:HOURLY"
DEATH = Death(pid=12, signal="SIGKILL")


class Leaves:
    """Ends the process that loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return leave, ()


def leave() -> None:
    raise SystemExit


def missing(partial: Partial) -> AttemptHistory:
    """A history whose record does not exist."""
    history = AttemptHistory.__new__(AttemptHistory)
    jar = partial._p_jar
    jar._cache.new_ghost(jar.new_oid(), history)
    return history


def holding(bad: Any) -> Callable[[Partial], AttemptHistory]:
    """Makes a history whose record cannot be loaded, for what it holds."""

    def make(partial: Partial) -> AttemptHistory:
        history = AttemptHistory()
        history.failure = bad
        return history

    return make


def another_record(partial: Partial) -> Any:
    """A record that is no history."""
    return samples.Demo()


@pytest.fixture(
    params=[missing, holding(samples.NotLoadable()), holding(Leaves()), another_record],
    ids=["missing", "not loadable", "leaves", "another"],
)
def partial(request: pytest.FixtureRequest, session: Session) -> Partial:
    """A claimed call that raises, with such a history."""
    one: Partial = session.queue.put(Partial(samples.raise_value_error), retry=POLICY)
    session.commit()
    one._history = request.param(one)
    session.commit()
    session.connection.cacheMinimize()
    return session.activate(one)


def test_an_interruption_is_the_first_of_a_new_one(session: Session, partial: Partial) -> None:
    interrupt(partial, DEATH, [])
    session.commit()
    session.connection.cacheMinimize()

    assert partial.state == "pending"
    (attempt,) = partial.failed_before
    assert "SIGKILL" in attempt.message
    assert partial.last_failure.evidence["signal"] == "SIGKILL"


def test_so_is_a_failed_attempt(session: Session, partial: Partial) -> None:
    Performer().perform(partial)
    session.connection.cacheMinimize()

    assert partial.retry_at is not None
    assert [one.message for one in partial.failed_before] == ["as it was told"]
    assert partial.last_failure.check(ValueError)


def test_who_asks_for_it_sees_none(session: Session, partial: Partial) -> None:
    assert partial.failed_before == []
    assert partial.last_failure is None
    found = describe(partial)
    assert (found["attempts_history"], found["last_failure"]) == ([], None)
    assert found["problem"] is None
    assert summary(partial)["attempts_history"] == []
    release(partial)


@pytest.mark.parametrize(
    "error", [ClientDisconnected("away"), StorageError("no"), HistoryChanged("older")]
)
def test_one_that_a_storage_cannot_load_now_is_not_given_up(
    session: Session, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    partial = session.queue.put(Partial(samples.raise_value_error), retry=POLICY)
    session.commit()
    interrupt(session.activate(partial), DEATH, [])
    session.commit()
    session.connection.cacheMinimize()
    partial._p_activate()

    def fail(history: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(session.connection, "setstate", fail)
        for ask in (lambda: partial.failed_before, lambda: interrupt(partial, DEATH, [])):
            with pytest.raises(type(error)):
                ask()
    session.abort()
    assert len(partial.failed_before) == 1


def test_a_missing_record_is_what_is_tested_here(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    with pytest.raises(POSKeyError):
        missing(partial).listed()
