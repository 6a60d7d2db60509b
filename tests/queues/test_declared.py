"""Options at three levels: a put counts more than a callable, and that more than the queue."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

import pytest
import transaction

import zcasync
from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.retry.stock import RetryExceptions


@zcasync.job(retry=3, batch=True, delay=60)
def declared(number: int = 0) -> int:
    return number


class Owner:
    @zcasync.job(retry="never")
    def method(self) -> None:
        """Do nothing."""


class Moment(int):
    """A number of a class of the application."""


def test_a_decorated_function_stays_what_it_is() -> None:
    assert declared(3) == 3
    assert declared.__name__ == "declared"
    assert zcasync.job.__name__ == "zcasync.job"


def test_declared_options_hold_for_every_put(session: Session, fake_clock: FakeClock) -> None:
    for partial in (
        session.queue.put(declared),
        session.queue.put(Partial(declared, 1)),
        *session.queue.put_many([declared, declared]),
    ):
        assert partial.retry_policy == "exceptions(limit=4)"
        assert partial.is_batch
        assert partial.begin_after == fake_clock.later(seconds=60)


def test_what_the_put_says_counts_more(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(declared, retry="never", batch=False, delay=0)
    assert partial.retry_policy == "never"
    assert not partial.is_batch
    assert partial.begin_after == fake_clock.moment


def test_a_moment_of_the_put_takes_the_place_of_a_declared_delay(
    session: Session, fake_clock: FakeClock
) -> None:
    later = fake_clock.later(seconds=5)
    assert session.queue.put(declared, later).begin_after == later
    partial = session.queue.put(declared, timedelta(seconds=7))
    assert partial.begin_after == fake_clock.later(seconds=7)


def test_each_call_of_one_put_has_its_own(session: Session) -> None:
    plain, own = session.queue.put_many([samples.nothing, declared])
    assert plain.retry_policy is None
    assert own.retry_policy == "exceptions(limit=4)"


def test_what_a_queue_says_counts_least(session: Session) -> None:
    session.queue.set_defaults(retry=RetryExceptions(limit=2), isolate=True)
    plain = session.queue.put(samples.nothing)
    assert plain.retry_policy == "exceptions(limit=2)"
    assert plain.is_isolated
    assert session.queue.put(samples.nothing, retry="never").retry_policy == "never"
    transaction.commit()
    session.queue.set_defaults()
    assert session.queue.defaults is None
    assert session.queue.put(samples.nothing).retry_policy is None


def test_options_of_two_levels_that_exclude_each_other_are_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="isolate and batch exclude each other"):
        session.queue.put(declared, isolate=True)
    assert len(session.queue) == 0


def test_defaults_of_a_queue_are_refused_when_they_are_set(session: Session) -> None:
    with pytest.raises(TypeError, match="did you mean retry"):
        session.queue.set_defaults(retri=1)
    with pytest.raises(ValueError, match="must be plain"):
        session.queue.set_defaults(delay=Moment(1))
    with pytest.raises(ValueError, match="no process of its own"):
        session.manager.reactor.set_defaults(isolate=True)
    with pytest.raises(ValueError, match="no retry policy has the name 'nobody'"):
        session.queue.set_defaults(retry="nobody")
    assert session.queue.defaults is None


def test_a_call_without_options_stores_nothing_of_them(session: Session) -> None:
    assert "_controls" not in session.queue.put(samples.nothing).__getstate__()
    assert session.queue.put(samples.nothing).controls == {}


def test_a_quota_that_is_not_there_is_no_default_of_a_queue(session: Session) -> None:
    with pytest.raises(ValueError, match="there is no quota 'solr'"):
        session.queue.set_defaults(quota="solr")
    session.manager.quotas.set("solr", limit=1)
    session.queue.set_defaults(quota="solr")
    assert session.queue.put(samples.nothing).quotas == ("solr",)


class Several:
    @zcasync.job(priority=1)
    @staticmethod
    def static() -> None:
        """Do nothing."""

    @zcasync.job(priority=2)
    @classmethod
    def of_class(cls) -> None:
        """Do nothing."""


@zcasync.job(priority=3, quota=None, delay=None)
def says_little(number: int) -> int:
    return number


def test_options_are_found_behind_whatever_is_around_the_function(session: Session) -> None:
    calls = [Several.static, Several.of_class, Partial(says_little, 1)]
    calls.append(functools.partial(says_little, 1))
    assert [session.queue.put(one).priority for one in calls] == [1, 2, 3, 3]
    session.queue.set_defaults(quota=None, priority=4)
    assert session.queue.put(samples.nothing).priority == 4


@pytest.mark.parametrize("thing", [len, [].append, 5, "text"])
def test_what_can_carry_no_options_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"@zcasync.job decorates a function, not a"):
        zcasync.job(retry=3)(thing)
