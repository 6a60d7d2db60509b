"""Unique calls that wait: what puts of their keys may still change, and what stays hidden."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples, time_limits
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.errors import AlreadyPut, JobCrashed
from zcasync.interfaces import PENDING
from zcasync.job.failure import from_exception
from zcasync.job.steps import RETURNED, Step, keep_step
from zcasync.perform.performer import Performer


def wait_again(session: Session, partial: Partial, *, step: str | None = None) -> None:
    """Let a call be claimed, do a part of its work, and wait for another attempt."""
    assert session.claim() == [partial]
    partial.start()
    partial.record_attempt(1, 1, 0, 1)
    if step is None:
        partial.note_checkpoint("as far as this")
    else:
        keep_step(partial, step, Step(RETURNED, 1, 1))
    session.queue.release(partial)
    session.commit()
    assert partial.state == PENDING


@pytest.mark.parametrize("step", [None, "sent"])
@pytest.mark.parametrize("policy", ["replace", "debounce", "merge"])
def test_a_call_that_goes_on_behind_what_it_has_done_is_not_changed(
    session: Session, policy: str, step: str | None
) -> None:
    """It does not come again to what was before its checkpoint, or to a step that is done."""
    how: dict[str, Any] = {"merge": "union"} if policy == "merge" else {"if_exists": policy}
    if policy == "debounce":
        how["delay"] = 60
    first = session.queue.put(Partial(samples.echo, {1}), unique="key", if_exists="keep")
    session.commit()
    wait_again(session, first, step=step)
    second = session.queue.put(Partial(samples.echo, {2}), unique="key", **how)
    session.commit()
    assert second is not first
    assert (list(first.args), list(second.args)) == ([{1}], [{2}])
    assert session.queue.put(Partial(samples.echo, {3}), unique="key") is second


def test_to_a_put_that_counts_what_has_begun_it_is_there(session: Session) -> None:
    first = session.queue.put(Partial(samples.echo, 1), unique="key")
    session.commit()
    wait_again(session, first)
    assert session.queue.put(Partial(samples.echo, 1), unique="key") is first
    with pytest.raises(AlreadyPut):
        session.queue.put(Partial(samples.echo, 1), unique="key", if_exists="reject")


def test_a_call_that_takes_the_place_of_another_one_has_all_its_attempts(
    session: Session, fake_clock: FakeClock
) -> None:
    first = session.queue.put(samples.nothing, unique="key", retry=1)
    session.commit()
    assert session.claim() == [first]
    first.start()
    first.record_attempt(1, 1, 0, 1)
    session.queue.release(first)
    session.commit()
    put = {"unique": "key", "if_exists": "replace", "retry": 1}
    second = session.queue.put(samples.nothing, begin_by=timedelta(seconds=5), **put)
    assert second is first
    assert (second.attempts, second.exceptions, second.was_begun) == (0, 0, False)
    fake_clock.advance(seconds=6)
    assert second.is_too_late


def test_a_call_that_takes_the_place_of_one_that_died_is_not_ended_by_that(
    session: Session,
) -> None:
    """The policy of the one that died, an application's, was to be asked where it can be."""
    put = {"unique": "key", "if_exists": "replace", "retry": time_limits.NEVER_AGAIN}
    first = session.queue.put(samples.nothing, **put)
    session.commit()
    session.activate(first)
    first.leave_to_policy(from_exception(JobCrashed("its process died")))
    session.queue.release(first)
    session.commit()
    second = session.queue.put(samples.nothing, **put)
    session.commit()
    assert second is first
    Performer().perform(session.activate(second))
    assert second.result is None


@pytest.mark.parametrize(
    ("first", "second", "merge", "secret"),
    [
        (None, [1], "union", (1,)),
        ([0], [1], "union", (0, 1)),
        ([1], None, "union", (1,)),
        (True, [1], "union", True),
        (None, [1], lambda old, new: (*old[:1], old[1] | new[1]), True),
        (None, None, "union", False),
    ],
)
def test_what_is_secret_in_one_of_two_is_secret_in_both(
    session: Session, first: Any, second: Any, merge: Any, secret: Any
) -> None:
    for value, hidden in (("old", first), ("new", second)):
        partial = session.queue.put(
            Partial(samples.echo, 1, {value}), unique="key", merge=merge, secret=hidden
        )
    assert partial.secret == secret
    assert partial.args[1] == {"old", "new"}
    assert ("new" in repr(partial.args)) == (not secret)
