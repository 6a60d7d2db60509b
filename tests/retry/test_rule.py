"""RetryRule: its values, its name, and its answers."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from transaction.interfaces import TransientError
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError, ReadConflictError
from zope.interface.verify import verifyObject

from tests.support.sessions import Session
from tests.support.storage_errors import of_storage
from zcasync import Partial, RetryRule, clock, errors
from zcasync.interfaces import IRetryPolicy
from zcasync.job.failure import from_exception
from zcasync.retry.rule import LONGEST_NAME, rule_by_name
from zcasync.retry.stock import Counts


class Busy(OSError):
    """An exception of an application."""


class VeryBusy(Busy):
    """One that is derived from it."""


BUSY = f"{__name__}.Busy"


def asked(rule: RetryRule, error: BaseException, **counts: Any) -> Any:
    return rule(Partial(abs, 1)).jobError(Failure(error), Counts(**{"exceptions": 1, **counts}))


def pauses(rule: RetryRule, number: int) -> list[float]:
    found = [asked(rule, ValueError(), exceptions=n) for n in range(1, number + 1)]
    return [one if one is False else one.total_seconds() for one in found]


def test_it_keeps_to_the_interface_of_policies() -> None:
    assert verifyObject(IRetryPolicy, RetryRule()(Partial(abs, 1)))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RetryRule(3, delay=2, jitter=0), [2, 4, False, False]),
        (RetryRule(4, delay=10, factor=3, longest=50, jitter=0), [10, 30, 50, False]),
        (RetryRule(5, backoff=[1, timedelta(minutes=1)], jitter=0), [1, 60, 60, 60]),
        (RetryRule(5, backoff=7, longest=7, jitter=0), [7, 7, 7, 7]),
        (RetryRule(1, jitter=0), [False] * 4),
    ],
)
def test_the_pauses_are_those_of_the_rule(rule: RetryRule, expected: list[Any]) -> None:
    assert pauses(rule, 4) == expected


def test_a_share_is_added_at_random_and_never_more() -> None:
    rule = RetryRule(2, backoff=[100], jitter=0.5)
    found = {pauses(rule, 1)[0] for _ in range(50)}

    assert len(found) > 10
    assert all(100 <= one <= 150 for one in found)


def test_a_thousand_attempts_do_not_overflow() -> None:
    assert pauses(RetryRule(10_000, factor=10, jitter=0), 2_000)[-1] == 24 * 3600


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (RetryRule(), "rule()"),
        (RetryRule(attempts=3), "rule(attempts=3)"),
        (RetryRule(backoff=[1, 2.5, timedelta(minutes=1)]), "rule(backoff=(1, 2.5, 60))"),
        (RetryRule(backoff=5), "rule(backoff=(5,))"),
        (RetryRule(on=ValueError), "rule(on=('builtins.ValueError',))"),
        (RetryRule(on="ValueError"), "rule(on=('builtins.ValueError',))"),
        (RetryRule(not_on=[Busy, "a.b:C"]), f"rule(not_on=('{BUSY}', 'a.b.C'))"),
        (RetryRule(within=timedelta(hours=1)), "rule(within=3600)"),
        (RetryRule(delay=timedelta(seconds=0.5), factor=1.5), "rule(delay=0.5, factor=1.5)"),
        (RetryRule(longest=60, jitter=0), "rule(longest=60, jitter=0)"),
    ],
)
def test_its_name_has_its_values_and_every_process_makes_the_same_of_it(
    rule: RetryRule, name: str
) -> None:
    assert rule.name == name
    assert rule_by_name(name) == rule
    assert hash(rule_by_name(name)) == hash(rule)


@pytest.mark.parametrize(
    "name",
    [
        "rule",
        "rule(",
        "rule(3)",
        "rule(attempts=0)",
        "rule(speed=3)",
        "rule(attempts=open('/etc/passwd'))",
        "rule(attempts=3)(4)",
        "rule(**{'attempts': 3})",
        "rule(on=" + "(" * 900 + ")",
        "rule(attempts=" + "9" * LONGEST_NAME + ")",
        "rule(delay=1e999)",
        "exceptions(limit=3)",
        "rules(attempts=3)",
    ],
)
def test_no_other_name_makes_one(name: str) -> None:
    assert rule_by_name(name) is None


@pytest.mark.parametrize(
    ("values", "error", "word"),
    [
        ({"attempts": 0}, ValueError, "attempts"),
        ({"attempts": 2.5}, TypeError, "attempts"),
        ({"attempts": True}, TypeError, "attempts"),
        ({"backoff": [-1]}, ValueError, "backoff"),
        ({"backoff": ["soon"]}, TypeError, "backoff"),
        ({"backoff": [1] * 101}, ValueError, "100"),
        ({"backoff": [1], "delay": 2}, ValueError, "backoff and delay"),
        ({"backoff": [1e30]}, ValueError, "backoff"),
        ({"delay": float("nan")}, ValueError, "delay"),
        ({"delay": 10, "longest": 5}, ValueError, "longest"),
        ({"backoff": [1, 60], "longest": 10}, ValueError, "longest .10 s.* backoff .60 s"),
        ({"backoff": [timedelta(days=3)]}, ValueError, "longest .86,400 s.* backoff .259,200"),
        ({"factor": 0.5}, ValueError, "factor"),
        ({"jitter": -1}, ValueError, "jitter"),
        ({"within": 0}, ValueError, "within"),
        ({"within": timedelta(-1)}, ValueError, "within"),
        ({"on": 3}, TypeError, "on"),
        ({"on": "no name"}, ValueError, "on"),
        ({"on": "NoSuchError"}, ValueError, "NoSuchError"),
        ({"not_on": int}, TypeError, "not_on"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(
    values: dict[str, Any], error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        RetryRule(**values)


def test_an_exception_that_no_other_process_could_know_is_refused() -> None:
    class Local(Exception):
        pass

    with pytest.raises(ValueError, match="define it in a module"):
        RetryRule(on=Local)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"on": OSError, "not_on": [KeyError, OSError]}, "on=.*OSError.* and not_on="),
        ({"on": Busy, "not_on": OSError}, "on=.*Busy.* and not_on=.*OSError"),
        ({"on": "a.b:Error", "not_on": "a.b.Error"}, "exclude each other"),
        ({"on": f"{__name__}:Bussy"}, "on: module .* has no exception 'Bussy'"),
        ({"not_on": f"{__name__}:asked"}, "not_on: module .* has no exception 'asked'"),
    ],
)
def test_a_rule_that_could_never_do_what_it_says_is_refused_at_the_put(
    session: Session, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        session.queue.put(abs, retry=RetryRule(**values))


def test_a_name_that_would_be_too_long_is_refused() -> None:
    rule = RetryRule(on=[f"a.very.long.package.name:Error{number}" for number in range(200)])

    with pytest.raises(ValueError, match="name it as package"):
        _ = rule.name


@pytest.mark.parametrize(
    ("error", "is_again"),
    [(Busy(), True), (VeryBusy(), True), (OSError(), False), (KeyError(), False)],
)
def test_only_what_on_names_is_repeated_and_what_is_derived_from_it(
    error: Exception, is_again: bool
) -> None:
    for named in (Busy, BUSY, f"{__name__}:Busy"):
        assert (asked(RetryRule(on=named), error) is not False) == is_again


@pytest.mark.parametrize(
    ("error", "is_again"),
    [(Busy(), False), (VeryBusy(), False), (OSError(), True), (KeyError(), False)],
)
def test_not_on_counts_more_than_on(error: Exception, is_again: bool) -> None:
    rule = RetryRule(on=OSError, not_on=BUSY)

    assert (asked(rule, error) is not False) == is_again


def test_a_failure_is_known_by_the_names_that_it_has_where_its_class_is_not() -> None:
    """As in a process that could not import the class: the stored form is all that there is."""
    stored = from_exception(VeryBusy("full"))
    policy = RetryRule(on="tests.retry.test_rule:Busy")(Partial(abs, 1))

    assert policy.jobError(stored, Counts(exceptions=1)) is not False
    assert RetryRule(on=KeyError)(Partial(abs, 1)).jobError(stored, Counts(exceptions=1)) is False


def test_a_class_is_known_by_another_name_where_its_module_is_loaded() -> None:
    rule = RetryRule(on="zcasync.retry.ruled:TransientError")

    assert rule.on == ("transaction.interfaces.TransientError",)


def test_nothing_is_imported_for_a_name() -> None:
    code = (
        "import sys\n"
        "from zcasync import RetryRule\n"
        "from zcasync.retry.rule import rule_by_name\n"
        "from zcasync.retry.stock import Counts\n"
        "from zcasync.partial import Partial\n"
        "from twisted.python.failure import Failure\n"
        "rule = rule_by_name(RetryRule(on='wsgiref.types:Nothing', not_on='this.that').name)\n"
        "policy = rule(Partial(abs, 1))\n"
        "assert policy.jobError(Failure(OSError()), Counts(exceptions=1)) is False\n"
        "assert 'wsgiref' not in sys.modules and 'this' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("kind", [TransientError, ConflictError, ReadConflictError])
def test_conflicts_are_repeated_as_by_default(kind: type[Exception]) -> None:
    rule = RetryRule(1, not_on=Exception, on=KeyError)
    found = [asked(rule, kind(), exceptions=0, conflicts=n) for n in range(1, 6)]

    assert found == [True] * 4 + [False]


def test_conflicts_that_the_rule_names_go_by_it() -> None:
    rule = RetryRule(3, backoff=1, jitter=0, on=[ConflictError, KeyError])

    second = timedelta(seconds=1)
    assert asked(rule, ReadConflictError(), exceptions=0, conflicts=1) == second
    assert asked(rule, KeyError(), exceptions=1, conflicts=1) == second
    assert asked(rule, ReadConflictError(), exceptions=1, conflicts=2) is False
    assert asked(RetryRule(not_on=ConflictError), ConflictError(), conflicts=1) is False


def test_a_storage_that_is_away_is_waited_for_whatever_the_rule_says() -> None:
    lost = of_storage(ClientDisconnected())

    assert asked(RetryRule(1, not_on=[Exception, TransientError]), lost) is True


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_what_is_no_exception_is_repeated_where_the_rule_names_it(error: BaseException) -> None:
    assert asked(RetryRule(), error) is False
    assert asked(RetryRule(on=type(error)), error) is not False


def test_interruptions_are_repeated_as_by_default_or_as_the_rule_names_them() -> None:
    def answers(rule: RetryRule, is_crash: bool) -> list[Any]:
        policy = rule(Partial(abs, 1))
        numbers = range(1, 11)
        return [policy.interrupted(Counts(0, n, 0, is_crash=is_crash)) for n in numbers]

    once = RetryRule(2, backoff=1, jitter=0, on=errors.JobCrashed)
    assert answers(RetryRule(2, on=KeyError, not_on=Exception), True) == [True] * 9 + [False]
    assert answers(once, True) == [timedelta(seconds=1)] + [False] * 9
    assert answers(once, False) == [True] * 9 + [False]
    assert answers(RetryRule(not_on=errors.JobCrashed), True) == [False] * 10
    assert answers(RetryRule(not_on=errors.AbortedError), False) == [False] * 10


def test_no_attempt_begins_after_the_time_for_all_of_them() -> None:
    rule = RetryRule(backoff=[10, 10, 10_000], jitter=0, within=60)
    now = clock.now()

    assert asked(rule, ValueError(), began=now) == timedelta(seconds=10)
    assert asked(rule, ValueError(), began=now - 45_000_000) == timedelta(seconds=10)
    assert asked(rule, ValueError(), began=now - 55_000_000) is False
    assert asked(rule, ValueError(), exceptions=3, began=now) is False
    assert asked(rule, ConflictError(), conflicts=1, began=now - 61_000_000) is False
    policy = rule(Partial(abs, 1))
    assert policy.interrupted(Counts(interruptions=1, began=now - 61_000_000)) is False
    assert policy.reason == "within 60 s of its first beginning"


@pytest.mark.parametrize(
    ("rule", "error", "exceptions", "reason"),
    [
        (RetryRule(5), KeyError(), 2, "2 of 5"),
        (RetryRule(5), KeyError(), 5, "5 of 5"),
        (RetryRule(not_on=ValueError), UnicodeError(), 1, "not_on builtins.ValueError"),
        (RetryRule(on=OSError), KeyError(), 1, "not among on: KeyError"),
        (RetryRule(), ConflictError(), 1, ""),
    ],
)
def test_it_says_why(rule: RetryRule, error: Exception, exceptions: int, reason: str) -> None:
    policy = rule(Partial(abs, 1))
    policy.jobError(Failure(error), Counts(exceptions=exceptions, conflicts=1))

    assert policy.reason == reason


def test_what_cannot_be_stored_is_not_tried_again() -> None:
    policy = RetryRule()(Partial(abs, 1))

    assert policy.commitError(Failure(TypeError("no pickle")), Counts(exceptions=1)) is False
    assert policy.commitError(Failure(KeyError("a hook")), Counts(exceptions=1)) is not False
