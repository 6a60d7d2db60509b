"""The kinds of jobs and of callbacks that there are in simulated worlds, and how they may end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import jobs
from tests.simulation.databases import RATED
from zcasync import RetryRule
from zcasync.errors import AbortedError
from zcasync.retry.stock import INTERRUPTION_LIMIT


@dataclass(frozen=True)
class Kind:
    """A call and what is known of it.

    It is made with ``counters`` new counters (with a name instead where its effect is ``outside``),
    with the shared one where it ``shares``, and with ``args``.  What a counter shows in the end is
    1, or 0 where the call has failed; those in ``repeats`` count each start of the call that was
    committed.  ``fails``: it ends with a ZeroDivisionError, or ``kills`` until it may not begin any
    more.  ``limit``: this interruption ends it, None: no one does; where it may begin ``once``
    only, the first one after it has begun does.  ``waits``: for a partial that it puts;
    ``defers``: for a Deferred.
    """

    call: Callable[..., Any]
    counters: int = 1
    args: tuple[Any, ...] = ()
    queue: str = "thread"
    options: dict[str, Any] = field(default_factory=dict)
    outside: bool = False
    shares: bool = False
    fails: bool = False
    kills: bool = False
    repeats: tuple[int, ...] = ()
    limit: int | None = INTERRUPTION_LIMIT
    exceptions: int = 0  # that it has raised in the end
    snoozes: int = 0
    waits: bool = False
    defers: bool = False
    weight: int = 2

    @property
    def once(self) -> bool:
        """Whether it begins once at most."""
        return self.options.get("retry") == "never"

    @property
    def may_be_later(self) -> bool:
        """Whether it may be made again after a pause."""
        by_rule = self.options.get("retry", "").startswith("rule(")
        return bool(self.exceptions or self.snoozes or by_rule)

    @property
    def last_limit(self) -> int | None:
        """The interruption that ends it at the latest.

        A policy of the application's own is asked by the process that is to make the call again.
        Where that dies before it can answer, the limit of the default one counts.
        """
        is_own = ":" in self.options.get("retry", "")
        return INTERRUPTION_LIMIT if is_own else self.limit


def _with(**options: Any) -> dict[str, Any]:
    return options


_REACTOR = _with(queue="reactor")
_NEVER = _with(options={"retry": "never"})
_FOREVER = _with(options={"retry": "forever"}, limit=None)
_BATCH = _with(options={"batch": True})
_DETACHED = _with(outside=True, counters=0)
_IMPATIENT = _with(options={"retry": "tests.simulation.jobs:Impatient"}, limit=3)
_ONE = _with(options={"quota": "one"})
_BOTH = _with(options={"quota": ("one", "two")})
_ALONE = _with(options={"unique": "alone"})
_PATIENT = _with(options={"retry": "tests.simulation.jobs:patient"})
_RULE = _with(
    options={"retry": RetryRule(4, backoff=2, jitter=0, on="ZeroDivisionError", within=9e6).name}
)
_RULE_OF_DEATHS = _with(
    options={"retry": RetryRule(3, backoff=2, jitter=0, on=AbortedError).name}, limit=3
)

KINDS = {
    "counts": Kind(jobs.count, weight=20),
    "shares": Kind(jobs.count_shared, shares=True, weight=4),
    "fails": Kind(jobs.fail, fails=True),
    "commits itself": Kind(jobs.commit_itself, 2, repeats=(1,), weight=4),
    "counts apart": Kind(jobs.count_apart, 2, repeats=(1,), weight=6),
    "kills": Kind(jobs.kill_the_process, fails=True, kills=True, weight=1),
    "kills twice": Kind(jobs.kill_at_first, args=(2,)),
    "waits for another": Kind(jobs.wait_for_another, 2, waits=True, weight=4),
    "waits for a flow": Kind(jobs.wait_for_parallel, 4, waits=True),
    "waits for a row": Kind(jobs.wait_for_serial, 4, waits=True),
    "puts another": Kind(jobs.put_another, 2),
    "defers": Kind(jobs.defer, repeats=(0,), defers=True, weight=6),
    # one of a key at a time
    "alone": Kind(jobs.count, **_ALONE, weight=4),
    "fails, alone": Kind(jobs.fail, **_ALONE, fails=True),
    "kills twice, alone": Kind(jobs.kill_at_first, args=(2,), **_ALONE),
    "waits for another, alone": Kind(jobs.wait_for_another, 2, **_ALONE, waits=True),
    # retry policies
    "once": Kind(jobs.count, **_NEVER, weight=6),
    "fails, once": Kind(jobs.fail, **_NEVER, fails=True, weight=1),
    "kills, once": Kind(jobs.kill_the_process, **_NEVER, fails=True, kills=True, weight=1),
    "defers, once": Kind(jobs.defer, **_NEVER, defers=True, repeats=(0,)),
    "for ever": Kind(jobs.count, **_FOREVER),
    "kills often, for ever": Kind(jobs.kill_at_first, args=(11,), **_FOREVER, weight=1),
    "kills, impatient": Kind(jobs.kill_the_process, **_IMPATIENT, fails=True, kills=True),
    "fails at first, patient": Kind(jobs.fail_at_first, args=(2,), **_PATIENT, exceptions=2),
    "fails, patient": Kind(jobs.fail, **_PATIENT, fails=True, exceptions=4, weight=1),
    "fails at first, by rule": Kind(jobs.fail_at_first, args=(2,), **_RULE, exceptions=2),
    "fails, by rule": Kind(jobs.fail, **_RULE, fails=True, exceptions=4, weight=1),
    "kills, by rule": Kind(jobs.kill_the_process, **_RULE_OF_DEATHS, fails=True, kills=True),
    "asks again": Kind(jobs.ask_at_first, args=(2,), exceptions=2),
    "snoozes": Kind(jobs.snooze_at_first, args=(3,), snoozes=3),
    # detached
    "detached": Kind(jobs.tell, **_DETACHED, options={"detached": True}, weight=4),
    "detached, once": Kind(
        jobs.tell, **_DETACHED, options={"detached": True, "retry": "never"}, weight=3
    ),
    "detached, defers": Kind(
        jobs.tell_and_defer, **_DETACHED, options={"detached": True}, defers=True
    ),
    # group commit
    "batch": Kind(jobs.count, **_BATCH, weight=10),
    "batch shares": Kind(jobs.count_shared, **_BATCH, shares=True, weight=4),
    "batch fails": Kind(jobs.fail, **_BATCH, fails=True),
    "batch commits itself": Kind(jobs.commit_itself, 2, **_BATCH, repeats=(1,)),
    "batch kills twice": Kind(jobs.kill_at_first, args=(2,), **_BATCH),
    "batch defers": Kind(jobs.defer, **_BATCH, repeats=(0,), defers=True),
    "batch snoozes": Kind(jobs.snooze_at_first, args=(2,), **_BATCH, snoozes=2, weight=1),
    # with quotas
    "with a quota": Kind(jobs.count, **_ONE, weight=8),
    "with two quotas": Kind(jobs.count, **_BOTH, weight=4),
    "with a rate": Kind(jobs.count, options={"quota": RATED}),
    "with a quota, kills twice": Kind(jobs.kill_at_first, args=(2,), **_ONE),
    "with a quota, waits": Kind(jobs.wait_for_another, 2, **_ONE, waits=True),
    "with a quota, defers": Kind(jobs.defer, **_ONE, repeats=(0,), defers=True),
    "with a quota, once": Kind(jobs.count, options={"quota": "two", "retry": "never"}),
    "batch with a quota": Kind(jobs.count, options={"batch": True, "quota": "two"}, weight=4),
    "reactor with a quota": Kind(jobs.count, **_REACTOR, options={"quota": "two"}, weight=4),
    # in the supervisor's reactor
    "reactor": Kind(jobs.count, **_REACTOR, weight=8),
    "reactor shares": Kind(jobs.count_shared, **_REACTOR, shares=True),
    "reactor fails": Kind(jobs.fail, **_REACTOR, fails=True),
    "reactor commits itself": Kind(jobs.commit_itself, 2, **_REACTOR, repeats=(1,)),
    "reactor waits": Kind(jobs.wait_for_another, 2, **_REACTOR, waits=True),
    "reactor defers": Kind(jobs.defer, **_REACTOR, repeats=(0,), defers=True, weight=4),
    "reactor snoozes": Kind(jobs.snooze_at_first, args=(2,), **_REACTOR, snoozes=2, weight=1),
    "reactor once": Kind(jobs.count, **_REACTOR, **_NEVER),
    "reactor kills twice": Kind(jobs.kill_at_first, args=(2,), **_REACTOR, weight=1),
}

#: Which kinds can be put many at once.
MANY = ("counts", "batch", "batch", "batch shares", "shares")

#: Of callbacks.  They are called with the result behind all that is named here.
CALLBACKS = {
    "counts": Kind(jobs.count, weight=12),
    "fails": Kind(jobs.fail, fails=True),
    "once": Kind(jobs.count, **_NEVER),
    "kills": Kind(jobs.kill_the_process, fails=True, kills=True, weight=1),
    "kills twice": Kind(jobs.kill_at_first, args=(2,), weight=1),
    "kills, once": Kind(jobs.kill_the_process, **_NEVER, fails=True, kills=True, weight=1),
    "waits": Kind(jobs.wait_for_another, 2, waits=True),
    "puts another": Kind(jobs.put_another, 2),
    "defers": Kind(jobs.defer, defers=True),
    "either": Kind(jobs.count, 2, weight=3),  # one for success, one for failure
}
#: Those that a client can run itself, for a job that is over when it adds them.
HARMLESS = ("counts", "fails", "either")
