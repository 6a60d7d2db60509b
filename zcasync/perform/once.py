"""Once: a step of a job outside of the database, whose result later attempts have again.

The record of a step has a connection and commits of its own, so that it stays when the job's
transaction is aborted, and meets no other record that the job writes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from transaction import TransactionManager
from transaction.interfaces import TransientError

from zcasync import clock
from zcasync.database.commit_once import commit_once
from zcasync.errors import Retry, Snooze, StepInDoubt, StoppedAtCheckpoint, UnstorableError
from zcasync.job.failure import from_exception
from zcasync.job.packed import is_plain
from zcasync.job.record import PartialRecord
from zcasync.job.steps import BEGUN, RAISED, RETURNED, Step, drop_step, find_step, keep_step
from zcasync.job.values import loaded, storable
from zcasync.perform.at_work import AtWork, at_work
from zcasync.zeo.fenced import open_fenced, require_alive

#: The longest key of a step, characters.
KEY_CHARACTERS = 200
#: What says nothing of the step, but that this attempt is over and another one follows.
OF_THE_ATTEMPT = (TransientError, Retry, Snooze, StoppedAtCheckpoint)
#: So often the record of a step is tried where others, or the end of the engine, conflict with it.
TRIES = 10


def once(
    key: str,
    call: Callable[..., Any],
    /,
    *args: Any,
    in_doubt: Literal["repeat", "raise"] = "repeat",
    keep_failure: bool = False,
    **kwargs: Any,
) -> Any:
    """Return ``call(*args, **kwargs)``, and record it: later attempts at the job do not call again.

    They get what is recorded for ``key``, which names the step within its job.  That is committed
    before this returns, whatever becomes of the job's own changes.  A result is a plain value.
    What ``call`` raises is not recorded, and the next attempt calls again; with ``keep_failure``
    the next attempt raises it again, unless it only ends the attempt: a conflict, Retry, Snooze and
    StoppedAtCheckpoint are never recorded.

    A process that dies between the effect and its record repeats the effect: at least once.  With
    ``in_doubt="raise"`` the begin is recorded, too, and an attempt that finds that alone raises
    StepInDoubt.

    Raises BadStateError outside of a job, in one with ``batch=True`` and in the reactor; TypeError,
    ValueError for what cannot be a key or an option; UnstorableError for a result that is not
    plain, which is not recorded then; FencedError where another engine has the job now.
    """
    _require_possible(key, call, in_doubt)
    steps = _Steps(at_work("once()"), key)
    known = steps.find()
    if known is not None and known.state != BEGUN:
        return _again(known)
    if in_doubt == "raise":
        if known is not None:
            raise StepInDoubt(
                f"the step {key!r} was begun at {known.since:%Y-%m-%d %H:%M:%S} UTC, in attempt "
                f"{known.attempt}, and what came of it is not recorded",
                key=key,
                since=known.since,
            )
        steps.keep(BEGUN)
    try:
        value = call(*args, **kwargs)
    except Exception as error:
        if keep_failure and not isinstance(error, OF_THE_ATTEMPT):
            steps.keep(RAISED, from_exception(error))
        elif in_doubt == "raise":
            steps.drop()
        raise
    steps.keep(RETURNED, _stored(value, key))
    return value


def _require_possible(key: Any, call: Any, in_doubt: Any) -> None:
    if not isinstance(key, str):
        raise TypeError(f"the key of a step is a text, not a {type(key).__name__}")
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise ValueError(f"the key of a step has 1 to {KEY_CHARACTERS} characters, not {len(key)}")
    if not callable(call) or inspect.iscoroutinefunction(call):
        raise TypeError(f"once() calls a function and records what it returns, not {call!r}")
    if in_doubt not in ("repeat", "raise"):
        raise ValueError(f"in_doubt is 'repeat' or 'raise', not {in_doubt!r}")


def _again(known: Step) -> Any:
    """Return what a step has returned, or raise what it has raised."""
    if known.state == RAISED:
        known.stored.raiseException()
    return known.stored


def _stored(value: Any, key: str) -> Any:
    what = f"result of the step {key!r}"
    if not is_plain(value):
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, is no plain value: it is not recorded, though "
            "the step is done.  Return numbers, texts, dates, or lists and dictionaries of them"
        )
    return storable(value, what)


class _Steps:
    """The record of one step of a call, read and written in transactions of their own."""

    def __init__(self, work: AtWork, key: str) -> None:
        self._work = work
        self._key = key

    def find(self) -> Step | None:
        """Return what is recorded, its result loaded; None: nothing."""

        def find(partial: PartialRecord) -> Step | None:
            step = find_step(partial, self._key)
            if step is None or step.state != RETURNED:
                return step
            return step._replace(stored=loaded(step.stored, partial._p_jar))

        found: Step | None = self._do(find, lambda partial, step: True)
        return found

    def keep(self, state: str, stored: Any = None) -> None:
        """Record the step in this state."""
        attempts = self._work.run.attempts
        count = 0 if attempts is None else attempts.count
        step = Step(state, clock.now(), count, stored)

        def keep(partial: PartialRecord) -> None:
            keep_step(partial, self._key, step)

        def is_there(partial: PartialRecord, made: None) -> bool:
            found = find_step(partial, self._key)
            return found is not None and found[:3] == step[:3]

        self._do(keep, is_there)

    def drop(self) -> None:
        """Record nothing of it any more."""
        self._do(
            lambda partial: drop_step(partial, self._key),
            lambda partial, made: find_step(partial, self._key) is None,
        )

    def _do(
        self, work: Callable[[PartialRecord], Any], is_there: Callable[[PartialRecord, Any], bool]
    ) -> Any:
        """Do this with the partial in a connection of its own, and commit it; return its value."""
        manager = TransactionManager()
        connection = open_fenced(self._work.db, manager)
        fence = self._work.fence

        def partial() -> PartialRecord:
            if fence is not None:
                home = connection.get_connection(fence.db.database_name)
                require_alive(home.get(fence.oid))
            found: PartialRecord = connection.get(self._work.oid)
            return found

        try:
            return commit_once(
                manager,
                lambda: work(partial()),
                lambda made: is_there(partial(), made),
                tries=TRIES,
                storage_lost=self._work.run.host.storage_lost,
            )
        finally:
            manager.abort()
            connection.close()
