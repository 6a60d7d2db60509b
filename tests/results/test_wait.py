"""Waiting for a job: woken by its commit, refused where it would be in vain or cost changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import transaction

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.database import hearing
from zcasync.errors import BadStateError
from zcasync.perform.progress import running
from zcasync.results import watch

Connect = Callable[[], Session]


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Let another thread act once this one waits in ``Watch.next``."""
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once somebody waits."""
    event = threading.Event()
    original = watch.Watch.next

    def told(self: watch.Watch, seconds: float) -> set[bytes] | None:
        event.set()
        return original(self, seconds)

    monkeypatch.setattr(watch.Watch, "next", told)
    return event


def ended_by(other: Session, partial: Partial, waits: threading.Event, result: Any) -> Any:
    def act() -> None:
        assert waits.wait(30)
        other.sync()
        same = other.same(partial)
        same.finish(result)
        other.commit()

    return act


def test_the_result_is_had_as_soon_as_it_is_committed(
    session: Session, connect: Connect, waits: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LONGEST_SILENCE", 600.0)  # only the commit can wake
    partial = session.queue.put(samples.nothing)
    session.commit()

    with meanwhile(ended_by(connect(), partial, waits, 42)):
        assert partial.get(timeout=300) == 42
    partial.wait(0)


def test_without_notice_of_commits_looks_are_taken_in_growing_pauses(
    session: Session, connect: Connect, waits: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    rest = time.sleep
    monkeypatch.setattr(hearing, "listen", lambda db, listener: None)
    monkeypatch.setattr(watch.time, "sleep", lambda s: (pauses.append(s), rest(s / 100)))
    partial = session.queue.put(samples.nothing)
    session.commit()
    with pytest.raises(TimeoutError):
        partial.wait(0.02)
    other = connect()

    def act() -> None:
        while len(pauses) < 12:
            rest(0.001)
        ended_by(other, partial, waits, "late")()

    pauses.clear()
    with meanwhile(act):
        assert partial.get(60) == "late"
    assert pauses[:6] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.25]
    assert set(pauses[5:]) == {0.25}


def test_a_wait_that_is_too_long_names_the_job_and_its_state(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()

    with pytest.raises(TimeoutError) as caught:
        partial.get(timeout=0.05)
    assert str(caught.value) == (
        f"job {partial.id} (tests.jobs.samples.nothing) is pending after 0.05 s: "
        f"`zcasync job {partial.id}` says more"
    )


def test_get_has_the_result_while_callbacks_run_and_wait_waits_for_them(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    partial.addCallback(Partial(samples.nothing))
    session.commit()
    session.activate(partial)
    partial.finish("there")
    session.commit()

    assert partial.get(0) == "there"
    with pytest.raises(TimeoutError, match="is callbacks after 0 s"):
        partial.wait(0)


def test_what_is_over_begins_no_transaction(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.activate(partial)
    partial.finish(7)
    session.commit()
    session.root["changed"] = 1

    assert partial.get() == 7
    assert session.root["changed"] == 1


def test_a_forgotten_commit_is_said_and_nothing_is_lost(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    with pytest.raises(BadStateError, match="not committed yet, so no worker can see it: commit"):
        partial.get(1)
    session.commit()
    session.root["changed"] = 1
    with pytest.raises(BadStateError, match=r"changes that would be lost: commit \(or abort\)"):
        partial.wait(1)
    assert session.root["changed"] == 1


def test_what_nobody_will_call_is_not_waited_for(session: Session) -> None:
    with pytest.raises(BadStateError, match="was never put"):
        Partial(samples.nothing).wait(1)
    kept = session.keep(Partial(samples.nothing))
    with pytest.raises(BadStateError, match="is in no queue"):
        kept.wait(1)


def test_who_waits_for_a_job_that_is_discarded_is_told(
    session: Session, connect: Connect, waits: threading.Event
) -> None:
    partial = session.queue.put(Partial(samples.nothing))
    session.commit()
    other = connect()

    def discard() -> None:
        assert waits.wait(30)
        other.sync()
        other.queue.discard([other.same(partial)])
        other.commit()

    with meanwhile(discard), pytest.raises(BadStateError, match="is in no queue"):
        partial.wait(30)


def test_an_explicit_transaction_manager_as_in_pyramid_will_do(
    connect: Connect, db: Any, session: Session, waits: threading.Event
) -> None:
    manager = transaction.TransactionManager(explicit=True)
    manager.begin()
    web = Session(db, manager)
    partial = web.queue.put(samples.nothing)
    web.commit()

    with meanwhile(ended_by(session, partial, waits, "seen")):
        assert partial.get(30) == "seen"
    assert manager.get() is not None  # the framework can end it
    web.transactions.abort()
    web.connection.close()


def test_a_job_does_not_wait_for_itself_nor_for_what_waits_for_it(session: Session) -> None:
    job = session.queue.put(samples.nothing)
    after = job.addCallback(Partial(samples.nothing))
    other = session.queue.put(samples.nothing)
    session.commit()

    with running(job):
        with pytest.raises(BadStateError, match="cannot wait for itself"):
            job.wait(30)
        with pytest.raises(BadStateError, match="which waits for it: neither would ever end"):
            after.get(30)
        with pytest.raises(TimeoutError):
            other.wait(0)


def test_a_job_that_shares_its_transaction_does_not_wait(session: Session) -> None:
    job = session.queue.put(samples.nothing, batch=True)
    other = session.queue.put(samples.nothing)
    session.commit()

    with running(job), pytest.raises(BadStateError, match=r"shares its transaction .* return that"):
        other.wait(30)
