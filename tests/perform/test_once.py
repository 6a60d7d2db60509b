"""Steps that are done once: their results are recorded, whatever becomes of the job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from BTrees.OOBTree import OOBTree
from ZODB.POSException import ConflictError

from tests.jobs import samples, steps
from tests.jobs.steps import OUTSIDE
from tests.perform.claiming import claimed, perform
from tests.support.sessions import Connect, Session
from zcasync import Partial, current, once
from zcasync.errors import (
    BadStateError,
    FencedError,
    Retry,
    Snooze,
    StepInDoubt,
    StoppedAtCheckpoint,
    UnstorableError,
)
from zcasync.job.again import renew
from zcasync.job.steps import BEGUN, RETURNED, find_step
from zcasync.perform.performer import Performer
from zcasync.retry.stock import RetryExceptions
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation

SOON = RetryExceptions(limit=3, delay=0)


pytestmark = pytest.mark.usefixtures("nothing_outside")


@pytest.mark.parametrize("fails", ["", "exception", "conflict"])
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("in_doubt", ["repeat", "raise"])
def test_a_step_is_not_repeated_by_the_next_attempt(
    session: Session, incarnation: Incarnation, fails: str, detached: bool, in_doubt: str
) -> None:
    call = Partial(steps.charge, fails, in_doubt=in_doubt)
    partial = claimed(session, incarnation, call, retry=SOON, detached=detached)

    assert perform(session, incarnation, partial) == 1
    assert list(OUTSIDE) == (["charged", "failed"] if fails else ["charged"])
    assert partial.attempts == (2 if fails else 1)


def test_a_step_meets_no_record_that_its_job_writes(
    session: Session, incarnation: Incarnation
) -> None:
    demo = session.keep(samples.Demo())
    partial = claimed(session, incarnation, Partial(change_and_take_steps, demo), retry="never")

    assert perform(session, incarnation, partial) == [0, 1, 2]
    assert demo.counter == 3


def change_and_take_steps(demo: samples.Demo) -> list[Any]:
    found = []
    for number in range(3):
        demo.increase()
        found.append(once(f"step {number}", int, number))
    return found


def test_what_a_step_raises_is_not_recorded(session: Session, incarnation: Incarnation) -> None:
    partial = claimed(session, incarnation, steps.charge_in_vain, retry=SOON)

    assert perform(session, incarnation, partial).check(OSError)
    assert list(OUTSIDE) == ["charged"] * 3


def test_what_a_step_raises_leaves_no_doubt(session: Session, incarnation: Incarnation) -> None:
    call = Partial(steps.charge_in_vain, in_doubt="raise")
    partial = claimed(session, incarnation, call, retry=SOON)

    assert perform(session, incarnation, partial).check(OSError)
    assert list(OUTSIDE) == ["charged"] * 3


def test_a_failure_is_recorded_where_that_is_asked_for(
    session: Session, incarnation: Incarnation
) -> None:
    call = Partial(steps.charge_in_vain, keep_failure=True)
    partial = claimed(session, incarnation, call, retry=SOON)

    failure = perform(session, incarnation, partial)

    assert failure.check(OSError)
    assert "after charged" in failure.getErrorMessage()
    assert list(OUTSIDE) == ["charged"]


@pytest.mark.parametrize("in_doubt", ["repeat", "raise"])
@pytest.mark.parametrize(
    "error",
    [
        ConflictError("met"),
        Retry("busy", after=0),
        Snooze(0),
        StoppedAtCheckpoint("the worker stops"),
    ],
)
def test_what_only_ends_the_attempt_is_never_recorded(
    session: Session, incarnation: Incarnation, error: Exception, in_doubt: str
) -> None:
    call = Partial(raise_once, error, keep_failure=True, in_doubt=in_doubt)
    partial = claimed(session, incarnation, call, retry=SOON)

    assert perform(session, incarnation, partial) == 2


def raise_once(error: Exception, **options: Any) -> Any:
    """Takes a step that raises, the first time."""

    def step() -> int:
        OUTSIDE.append("step")
        if len(OUTSIDE) == 1:
            raise error
        return len(OUTSIDE)

    return once("step", step, **options)


def test_a_step_that_was_begun_only_is_repeated_or_in_doubt(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, steps.charge)
    note_begun(session, partial)
    call = Partial(steps.charge, in_doubt="raise")
    doubtful = claimed(session, incarnation, call)
    note_begun(session, doubtful)

    assert perform(session, incarnation, partial) == 1
    failure = perform(session, incarnation, doubtful)
    assert failure.check(StepInDoubt)
    assert "2026-01-02 03:04:05 UTC, in attempt 1" in failure.getErrorMessage()
    assert list(OUTSIDE) == ["charged"]


def note_begun(session: Session, partial: Partial) -> None:
    """As an attempt leaves it whose process dies in the call."""
    begun = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * 10**6
    partial.ensure_sidecar().steps = OOBTree({(partial._p_oid, "charge"): (BEGUN, begun, 1, None)})
    session.commit()


def test_who_is_in_doubt_can_decide(session: Session, incarnation: Incarnation) -> None:
    partial = claimed(session, incarnation, decide)
    note_begun(session, partial)

    assert perform(session, incarnation, partial) == "found"
    assert find_step(partial, "charge")[::3] == (RETURNED, "found")  # type: ignore[index]


def decide() -> Any:
    try:
        return once("charge", str, in_doubt="raise")
    except StepInDoubt as doubt:
        return once(doubt.key, str, "found")


def test_the_steps_of_a_callback_are_its_own(session: Session, incarnation: Incarnation) -> None:
    partial = session.queue.put(Partial(steps.charge))
    callback = partial.addCallbacks(steps.step_of_a_callback)
    session.commit()
    for one in session.claim():
        one.assign(incarnation)
    session.commit()

    assert perform(session, incarnation, partial) == 1
    assert callback.result == (1, 2)
    assert list(OUTSIDE) == ["charged", "called back"]


def test_a_job_that_has_failed_and_is_run_again_repeats_no_step(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, Partial(steps.charge, "exception"))
    assert perform(session, incarnation, partial).check(ValueError)

    run_again(session, incarnation, partial)

    assert partial.result == 1
    assert list(OUTSIDE) == ["charged", "failed"]


def test_a_job_that_has_succeeded_and_is_run_again_repeats_them(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, Partial(steps.charge))
    assert perform(session, incarnation, partial) == 1

    run_again(session, incarnation, partial)

    assert partial.result == 2
    assert list(OUTSIDE) == ["charged", "charged"]


def run_again(session: Session, incarnation: Incarnation, partial: Partial) -> None:
    renew(partial)
    partial.assign(incarnation)
    session.commit()
    perform(session, incarnation, partial)


@pytest.mark.parametrize(
    "value",
    [None, 1, "text", b"bytes", [1, {"a": 2.5}], "x" * 10_000],
    ids=lambda one: repr(one)[:9],
)
def test_a_plain_value_is_recorded(session: Session, incarnation: Incarnation, value: Any) -> None:
    partial = claimed(session, incarnation, Partial(take_twice, value))

    assert perform(session, incarnation, partial) == [value, value]
    assert list(OUTSIDE) == [value]


def take_twice(value: Any) -> list[Any]:
    return [once("value", given, value), once("value", given, value)]


def given(value: Any) -> Any:
    OUTSIDE.append(value)
    return value


@pytest.mark.parametrize("value", [samples.Plain(), object, samples.NotPicklable()])
def test_another_value_is_refused(session: Session, incarnation: Incarnation, value: Any) -> None:
    OUTSIDE.append(value)
    partial = claimed(session, incarnation, take_what_is_there)

    failure = perform(session, incarnation, partial)

    assert failure.check(UnstorableError)
    assert "though the step is done" in failure.getErrorMessage()


def take_what_is_there() -> Any:
    return once("value", OUTSIDE.pop)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((1, int), {}, TypeError),
        (("", int), {}, ValueError),
        (("k" * 201, int), {}, ValueError),
        (("key", 1), {}, TypeError),
        (("key", samples), {}, TypeError),
        (("key", int), {"in_doubt": "perhaps"}, ValueError),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    arguments: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        once(*arguments, **options)


def test_outside_of_a_job_there_is_none() -> None:
    with pytest.raises(BadStateError, match="no job runs here"):
        once("key", int)


@pytest.mark.parametrize(
    ("options", "host", "why"),
    [
        ({"batch": True}, {}, "batch=True"),
        ({}, {"may_block": False}, "thread queue"),
    ],
)
def test_where_it_cannot_be_recorded_there_is_none(
    session: Session, incarnation: Incarnation, options: Any, host: Any, why: str
) -> None:
    partial = claimed(session, incarnation, steps.take_step, **options)

    Performer(**host).perform_claimed(partial, incarnation)

    assert why in partial.result.getErrorMessage()


def test_a_partial_that_is_not_stored_has_none() -> None:
    assert Partial(steps.take_step)().check(BadStateError)


def test_who_is_buried_records_nothing(
    session: Session, connect: Connect, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, Partial(bury_and_take))
    other = connect()
    BURY[:] = [lambda: bury(other, incarnation)]
    fence(session.connection, incarnation)

    with pytest.raises((FencedError, ConflictError)):
        Performer().perform_claimed(partial, incarnation)
    fence(session.connection, None)
    session.sync()
    assert find_step(partial, "charge") is None


#: What the job below does in its step.
BURY: list[Any] = []


def bury(other: Session, incarnation: Incarnation) -> None:
    other.sync()
    other.same(incarnation).end("buried")
    other.commit()


def bury_and_take() -> Any:
    return once("charge", lambda: BURY.pop()())


def test_a_job_whose_annotation_meets_its_first_step_is_repeated_once(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, annotate_and_charge)

    assert perform(session, incarnation, partial) == 1
    assert partial.annotations["mine"] == 1
    assert list(OUTSIDE) == ["charged"]
    assert partial.conflicts == 1


def annotate_and_charge() -> Any:
    current().annotations["mine"] = 1  # type: ignore[union-attr]
    return steps.charge()
