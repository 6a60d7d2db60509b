"""How a partial names its retry policy, and how the policy is found again and asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError
from zope.component import provideAdapter

import zcasync
from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial, RetryRule
from zcasync.errors import BadStateError, MissingPolicy
from zcasync.interfaces import COMPLETED, IPartial, IRetryPolicy
from zcasync.perform.performer import Performer
from zcasync.retry.policy import RetryDecision, ask, policy_of, shown_name
from zcasync.retry.stock import (
    NeverRetry,
    RetryCallback,
    RetryCommonForever,
    RetryCommonFourTimes,
    RetryExceptions,
)

pytestmark = pytest.mark.usefixtures("registry")

PATIENT = RetryExceptions(limit=3, delay=60)
NUMBER = 42


class Mine(NeverRetry):
    """A policy of the application."""


def broken_factory(partial: Partial) -> Any:
    raise LookupError("no settings")


@pytest.mark.parametrize("configured", [False, True])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("default", RetryCommonFourTimes),
        ("forever", RetryCommonForever),
        ("never", NeverRetry),
        ("exceptions", RetryCommonFourTimes),
        ("callback", RetryCallback),
    ],
)
def test_the_stock_policies_need_no_configuration(
    session: Session, name: str, kind: type, configured: bool
) -> None:
    if configured:
        zcasync.configure()
    partial = session.queue.put(samples.nothing, retry=name)

    assert partial.retry_policy == name == shown_name(partial)
    assert isinstance(policy_of(partial), kind)


def test_a_policy_without_a_name_is_the_default_and_nothing_is_stored(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallback(samples.give_back)

    assert (partial.retry_policy, shown_name(partial)) == (None, "default")
    assert (callback.retry_policy, shown_name(callback)) == (None, "callback")
    assert type(policy_of(partial)) is RetryCommonFourTimes
    assert type(policy_of(callback)) is RetryCallback
    assert "_retry" not in partial.__getstate__()
    assert not {"_retry", "_conflicts", "_exceptions", "_once"} & set(callback.__getstate__())


def test_the_adapter_without_a_name_decides_for_partials_that_name_no_policy(
    session: Session,
) -> None:
    provideAdapter(Mine, [IPartial], IRetryPolicy)
    partial = session.queue.put(samples.nothing)

    assert type(policy_of(partial)) is Mine
    assert type(policy_of(partial.addCallback(samples.give_back))) is RetryCallback
    assert type(policy_of(session.queue.put(samples.nothing, retry="default"))) is not Mine


def test_the_adapter_named_callback_decides_for_callbacks(session: Session) -> None:
    provideAdapter(Mine, [IPartial], IRetryPolicy, name="callback")
    partial = session.queue.put(samples.nothing)

    assert type(policy_of(partial)) is RetryCommonFourTimes
    assert type(policy_of(partial.addCallback(samples.give_back))) is Mine


def test_policies_of_the_application_are_named_adapters(session: Session) -> None:
    provideAdapter(Mine, [IPartial], IRetryPolicy, name="mine")

    assert type(policy_of(session.queue.put(samples.nothing, retry="mine"))) is Mine


def test_the_application_may_replace_a_stock_policy(session: Session) -> None:
    provideAdapter(Mine, [IPartial], IRetryPolicy, name="forever")
    zcasync.configure()

    assert type(policy_of(session.queue.put(samples.nothing, retry="forever"))) is Mine


def test_a_factory_is_stored_by_its_name(session: Session) -> None:
    one = session.queue.put(samples.nothing, retry=Mine)
    other = session.queue.put(samples.nothing, retry="tests.retry.test_policy:PATIENT")

    assert one.retry_policy == "tests.retry.test_policy:Mine"
    assert isinstance(policy_of(one), Mine)
    assert policy_of(other).jobError.__self__._delays is PATIENT


@pytest.mark.parametrize(
    "retry",
    [
        "nobody",
        "",
        "no.such.module:policy",
        "tests.retry.test_policy:missing",
        "tests.retry.test_policy:NUMBER",
        lambda partial: None,
        4.2,
        ValueError,
        RetryRule,
    ],
)
def test_a_policy_that_no_worker_could_find_is_refused_by_name(
    session: Session, retry: Any
) -> None:
    partial = Partial(samples.nothing)
    before = len(session.queue)

    with pytest.raises(ValueError, match="retry"):
        session.queue.put(partial, retry=retry)
    with pytest.raises(ValueError, match="retry"):
        session.queue.put_many([partial], retry=retry)
    with pytest.raises(ValueError, match="retry"):
        partial.retry_policy = retry
    with pytest.raises(ValueError, match="retry"):
        Partial(abs).addCallback(partial, retry=retry)
    assert (partial.queue, partial.retry_policy, len(session.queue)) == (None, None, before)
    session.queue.put(partial)


def test_a_method_of_a_stored_object_is_no_factory(session: Session) -> None:
    demo = session.keep(samples.Demo())

    with pytest.raises(ValueError, match="not the name of a policy"):
        session.queue.put(samples.nothing, retry=demo.increase)


def test_many_partials_are_put_with_one_policy(session: Session) -> None:
    partials = session.queue.put_many([samples.nothing, samples.nothing], retry="never")

    assert [partial.retry_policy for partial in partials] == ["never", "never"]


def test_the_policy_can_be_set_while_a_partial_is_pending(session: Session) -> None:
    partial = Partial(samples.nothing)
    partial.retry_policy = "never"
    session.queue.put(partial)
    assert partial.retry_policy == "never"

    partial.retry_policy = None
    assert partial.retry_policy is None
    session.commit()
    session.activate(partial)
    with pytest.raises(BadStateError, match="retry"):
        partial.retry_policy = "forever"


def test_callbacks_can_name_a_policy(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallback(samples.give_back, retry="never")
    success, failure = Partial(samples.give_back), Partial(samples.give_back)
    partial.addCallbacks(success, failure, retry="exceptions")

    assert callback.retry_policy == "never"
    assert success.retry_policy == failure.retry_policy == "exceptions"


def test_a_policy_that_this_process_cannot_find_ends_the_call_before_it_begins(
    session: Session,
) -> None:
    demo = session.keep(samples.Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    partial._retry = "registered elsewhere"

    failure = partial()

    assert failure.type is MissingPolicy
    assert "registered in each process" in failure.getErrorMessage()
    assert (partial.state, partial.attempts, demo.counter) == (COMPLETED, 0, 0)


def test_a_factory_that_raises_ends_the_call_with_the_reason(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    partial.retry_policy = broken_factory

    failure = partial()

    assert failure.type is MissingPolicy
    assert "LookupError: no settings" in failure.getErrorMessage()


def test_a_factory_that_makes_no_policy_ends_the_call_with_the_reason(session: Session) -> None:
    partial = session.queue.put(samples.nothing, retry=none_at_all)
    session.commit()
    session.activate(partial)

    Performer().perform(partial)

    assert partial.result.type is MissingPolicy
    assert "it has made a list" in partial.result.getErrorMessage()


def none_at_all(partial: Any) -> list[Any]:
    """No factory of policies."""
    return []


class Answering:
    """A policy with one answer."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def interrupted(self, counts: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_an_answer_is_no_or_a_time(fake_clock: FakeClock) -> None:
    now = fake_clock.microseconds

    def answer(given: Any) -> RetryDecision | None:
        again, problem = ask(Answering(given), "interrupted", None)
        assert problem == ""
        return again

    assert answer(False) is None
    assert answer(True) == RetryDecision(None)
    assert answer(timedelta(seconds=5)) == RetryDecision(now + 5_000_000)
    assert answer(timedelta(seconds=-5)) == RetryDecision(now - 5_000_000)
    assert answer(fake_clock.later(minutes=1)) == RetryDecision(now + 60_000_000)


@pytest.mark.parametrize(
    "answer",
    [None, 1, "later", datetime(2031, 5, 5), timedelta.max, ZeroDivisionError("oh")],
)
def test_an_answer_that_cannot_be_used_is_a_no_with_a_reason(answer: Any) -> None:
    again, problem = ask(Answering(answer), "interrupted", None)

    assert again is None
    assert "Answering has no usable answer to interrupted" in problem


def test_trouble_of_the_storage_is_not_the_policys() -> None:
    with pytest.raises(ConflictError):
        ask(Answering(ConflictError()), "interrupted", None)


def test_a_retry_time_may_be_in_any_zone() -> None:
    moment = datetime(2031, 5, 5, 6, tzinfo=UTC)

    assert ask(Answering(moment), "interrupted", None)[0] == RetryDecision(1_935_727_200_000_000)
