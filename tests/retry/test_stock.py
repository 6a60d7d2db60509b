"""The answers of the stock retry policies."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from transaction.interfaces import TransientError
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError, POSKeyError, ReadConflictError
from zope.interface.verify import verifyObject

from tests.support.storage_errors import of_storage
from zcasync import Partial
from zcasync.database.errors import is_storage_lost
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import IRetryPolicy
from zcasync.retry.stock import STOCK, Counts, RetryExceptions
from zcasync.workers.incarnation import Incarnation


def policy(name: str) -> Any:
    return STOCK[name](Partial(abs, 1))


def answers(name: str, question: str, error: Exception, kind: str, count: int) -> list[Any]:
    """The answers to one failure after the other."""
    asked = getattr(policy(name), question)
    return [asked(Failure(error), Counts(**{kind: n})) for n in range(1, count + 1)]


@pytest.mark.parametrize("name", STOCK)
def test_the_stock_policies_keep_to_the_interface(name: str) -> None:
    assert verifyObject(IRetryPolicy, policy(name))


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ClientDisconnected(), True),
        (ConflictError(), False),
        (ReadConflictError(), False),
        (POSKeyError(b"12345678"), False),
        (TransientError(), False),
        (ValueError(), False),
    ],
)
def test_the_errors_of_a_storage_that_is_away_are_known(error: Exception, lost: bool) -> None:
    assert is_storage_lost(error) == lost


@pytest.mark.parametrize("question", ["jobError", "commitError"])
@pytest.mark.parametrize(
    ("name", "yes"),
    [("default", 4), ("exceptions", 4), ("forever", 1000), ("callback", 1000), ("never", 0)],
)
def test_conflicts_are_tried_again_as_often_as_the_policy_says(
    name: str, yes: int, question: str
) -> None:
    found = answers(name, question, ConflictError(), "conflicts", 1000)

    assert found == [True] * yes + [False] * (1000 - yes)


@pytest.mark.parametrize("question", ["jobError", "commitError"])
@pytest.mark.parametrize(
    ("name", "answer"),
    [("default", True), ("exceptions", True), ("forever", True), ("never", False)],
)
def test_a_storage_that_is_away_is_waited_for(name: str, answer: bool, question: str) -> None:
    found = answers(name, question, of_storage(ClientDisconnected()), "conflicts", 100)

    assert found == [answer] * 100


@pytest.mark.parametrize(
    ("name", "answer"),
    [("default", True), ("exceptions", True), ("forever", True), ("never", False)],
)
def test_a_storage_that_is_full_is_waited_for(name: str, answer: bool) -> None:
    full = of_storage(OSError(28, "No space left on device"))

    assert answers(name, "commitError", full, "exceptions", 3) == [answer] * 3


@pytest.mark.parametrize("question", ["jobError", "commitError"])
@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ClientDisconnected(), ConnectionRefusedError()],
)
def test_what_looks_like_a_storage_that_is_away_is_counted(error: Exception, question: str) -> None:
    kind = "conflicts" if isinstance(error, TransientError) else "exceptions"

    assert answers("default", question, error, kind, 20)[-1] is False


def test_a_callback_whose_commit_something_else_fails_is_tried_ten_times() -> None:
    refused = ConnectionRefusedError()

    found = answers("callback", "commitError", refused, "exceptions", 10)

    assert [answer is not False for answer in found] == [True] * 9 + [False]


@pytest.mark.parametrize(
    ("name", "yes"),
    [("default", 9), ("exceptions", 9), ("callback", 9), ("forever", 1000), ("never", 0)],
)
def test_interrupted_calls_are_tried_again_as_often_as_the_policy_says(name: str, yes: int) -> None:
    asked = policy(name)
    found = [asked.interrupted(Counts(interruptions=n)) for n in range(1, 1001)]

    assert found == [True] * yes + [False] * (1000 - yes)


@pytest.mark.parametrize("name", ["default", "forever", "callback", "never"])
def test_the_error_that_a_call_raises_is_its_result(name: str) -> None:
    assert answers(name, "jobError", ValueError(), "exceptions", 1) == [False]


def test_forever_commits_later_each_time_and_says_so_now_and_then() -> None:
    said: list[Any] = []
    globalLogPublisher.addObserver(said.append)
    try:
        found = answers("forever", "commitError", RuntimeError("a hook refuses"), "exceptions", 70)
    finally:
        globalLogPublisher.removeObserver(said.append)

    assert found[:4] == [timedelta(seconds=pause) for pause in range(4)]
    assert found[59:] == [timedelta(seconds=59), *[timedelta(seconds=60)] * 10]
    numbers = [event["number"] for event in said if "number" in event]
    assert numbers == [1, *range(5, 71, 5)]


@pytest.mark.parametrize("name", ["default", "never"])
def test_policies_but_forever_do_not_try_to_commit_again(name: str) -> None:
    assert answers(name, "commitError", RuntimeError("a hook refuses"), "exceptions", 1) == [False]


@pytest.mark.parametrize("error", [TypeError("cannot pickle"), AttributeError("local object")])
@pytest.mark.parametrize("name", ["forever", "exceptions"])
def test_a_result_that_can_never_be_stored_is_not_tried_again(name: str, error: Exception) -> None:
    assert answers(name, "commitError", error, "exceptions", 1) == [False]


def test_a_commit_that_fails_counts_as_an_exception_to_be_tried_again() -> None:
    found = answers("exceptions", "commitError", RuntimeError("a hook refuses"), "exceptions", 8)

    assert [answer is False for answer in found] == [False] * 7 + [True]


def test_exceptions_are_tried_again_later_each_time() -> None:
    made = RetryExceptions(limit=5, delay=15, factor=2, jitter=0.5, uniform=lambda low, high: high)
    asked = made(Partial(abs, 1)).jobError
    found = [asked(Failure(ValueError()), Counts(exceptions=n)) for n in range(1, 6)]

    assert found == [*(timedelta(seconds=1.5 * pause) for pause in (15, 30, 60, 120)), False]


def test_exceptions_are_tried_eight_times_in_all_by_default() -> None:
    found = answers("exceptions", "jobError", ValueError(), "exceptions", 9)

    assert [answer is False for answer in found] == [False] * 7 + [True] * 2
    assert all(15 * 2**n <= found[n].total_seconds() <= 16.5 * 2**n for n in range(7))


def test_pauses_have_an_upper_limit() -> None:
    made = RetryExceptions(limit=10_000, longest=100, uniform=lambda low, high: low)

    assert made.after(9_999) == timedelta(seconds=100)


def test_an_exit_of_the_process_is_not_tried_again() -> None:
    asked = policy("exceptions").jobError

    assert asked(Failure(SystemExit(3)), Counts(exceptions=1)) is False


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"delay": -1}, {"factor": 0.5}, {"jitter": -0.1}, {"longest": 1}]
)
def test_values_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        RetryExceptions(**wrong)


def test_a_worker_is_patient_with_conflicts_at_the_commit() -> None:
    partial = Partial(abs, 1)
    partial._claim = Incarnation(uuid.uuid4(), uuid.UUID(int=1), ProcessIdentity.here())
    patient = STOCK["default"](partial)
    conflict = Failure(ConflictError())

    assert patient.commitError(conflict, Counts(conflicts=50, seconds=9.9)) is True
    assert patient.commitError(conflict, Counts(conflicts=50, seconds=10.1)) is False
    assert patient.commitError(conflict, Counts(conflicts=4, seconds=10.1)) is True
    assert patient.jobError(conflict, Counts(conflicts=5, seconds=0.0)) is False
