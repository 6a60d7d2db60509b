"""One partial as data, as ``job --json`` prints it, from a healthy record or a broken one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from transaction.interfaces import TransientError
from twisted.python.failure import Failure
from ZODB.broken import Broken
from ZODB.POSException import POSKeyError, StorageError

from zcasync import clock
from zcasync.interfaces import CALLBACKS, COMPLETED
from zcasync.job.history import FailedAttempt, usable
from zcasync.job.ids import id_of
from zcasync.job.record import PartialRecord
from zcasync.job.secret import shown
from zcasync.job.values import loaded
from zcasync.perform.progress import kept, noted
from zcasync.reports.checkpoints import checkpoint_text
from zcasync.reports.counted import COUNTED, counts_of
from zcasync.reports.fields import Fields
from zcasync.reports.terms import priority_of, terms
from zcasync.reports.words import call_text, ending_text, long_text, type_name, unaddressed
from zcasync.text import cut

T = TypeVar("T")

#: Longer representations are cut, in JSON too.
REPR_CHARACTERS = 10_000
#: Callbacks are shown to this depth, and at most so many of one partial.
CALLBACK_DEPTH = 20
CALLBACK_LIMIT = 100
#: What the failures of ended calls tell beside their message: see ``AbortedError``.
TOLD = ("who", "times")
#: In place of an id where a record was never stored.
NO_ID = "?"


def looks_like_job(obj: Any) -> bool:
    """Return whether a stored object is a partial, or was one as far as can be seen."""
    if isinstance(obj, PartialRecord):
        return True
    return isinstance(obj, Broken) and Fields(obj).has("_call")


def describe(partial: Any) -> dict[str, Any]:
    """Return the partial as ``job --json`` has it.  Raises only what the storage raises."""
    fields = Fields(partial)
    if not fields.is_readable:
        return {**_nothing(), "id": identity(partial), "problem": fields.problem}
    state, secret, by = fields["_state"], fields["_secret"], fields["_by"]
    nothing: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    args, kwargs = _try(lambda: fields.arguments, nothing)
    return {
        "id": identity(partial),
        "state": state,
        "queue": _try(lambda: fields["_queue"].__name__, None),
        "callable": fields.callable_name,
        "call": _try(lambda: call_text(fields), None),
        "args": [shown(secret, key, value, safe_repr) for key, value in enumerate(args)],
        "kwargs": {
            str(name): shown(secret, name, value, safe_repr) for name, value in kwargs.items()
        },
        **_outcome(fields if state in (CALLBACKS, COMPLETED) else None),
        **counts_of(fields),
        "attempts_history": attempts_history(fields),
        "last_failure": _last_failure(fields),
        **terms(fields),
        "worker": _try(lambda: str(fields["_claim"].worker), None),
        "engine": _try(lambda: str(fields["_claim"].engineUUID), None),
        "begin_after": _moment(fields.due),
        "begin_by_seconds": None if by is None else by / 1e6,
        "started": _moment(fields["_started"]),
        "ended": _moment(fields["_ended"]),
        "waits_for": _try(lambda: identity(fields["_waits_for"]), None),
        "callback_of": _try(lambda: identity(fields["_parent"]), None),
        "selected": [_uuid_text(one) for one in fields["_selected"]],
        "excluded": [_uuid_text(one) for one in fields["_excluded"]],
        "callbacks": _callbacks(fields),
        "set_aside": _try(lambda: fields["aside"].as_dict(), None),
        "progress": _progress(partial),
        "checkpoint": checkpoint_text(fields),
        "problem": fields.problem,
    }


def release(partial: Any) -> None:
    """Let go of a partial that was shown, and of what was loaded for that."""
    fields = Fields(partial)
    if fields.is_readable:
        sidecar, result = fields["_sidecar"], fields["_result"]
        annotations = _try(lambda: sidecar.annotations, None)
        for one in (annotations, sidecar, result, fields["_history"]):
            if hasattr(one, "_p_deactivate"):
                one._p_deactivate()
    partial._p_deactivate()


def summary(partial: Any) -> dict[str, Any]:
    """Return what a listing shows of a partial, without loading a large result."""
    fields = Fields(partial)
    if not fields.is_readable:
        return {"id": identity(partial), "problem": fields.problem}
    result = fields["_result"]
    return {
        "id": identity(partial),
        "state": fields["_state"],
        "queue": _try(lambda: fields["_queue"].__name__, None),
        "callable": fields.callable_name,
        "call": _try(lambda: call_text(fields), None),
        "begin_after": _moment(fields.due),
        "priority": priority_of(fields),
        "started": _moment(fields["_started"]),
        "ended": _moment(fields["_ended"]),
        "failure": type_name(result) if isinstance(result, Failure) else None,
        "ending": _try(lambda: ending_text(result), None),
        "waits_for": _try(lambda: identity(fields["_waits_for"]), None),
        "worker": _try(lambda: str(fields["_claim"].worker), None),
        "attempts": fields["_attempts"],
        "attempts_history": attempts_history(fields),
        "progress": _progress(partial) if fields["_state"] == "active" else None,
        "problem": fields.problem,
    }


def _progress(partial: Any) -> dict[str, Any] | None:
    """Return the last report of its progress, as the database has it."""
    found = _try(lambda: kept(partial) if partial.has_result else noted(partial), None)
    return None if found is None else found.as_dict()


def _nothing() -> dict[str, Any]:
    """Return the form of a record of which nothing can be read."""
    names = (
        "id state queue callable call ending result result_repr failure worker engine begin_after "
        "begin_by_seconds started ended waits_for callback_of problem progress retry last_failure "
        "isolate context unique priority checkpoint scheduled soft_limit_seconds "
        "hard_limit_seconds"
    )
    lists: dict[str, Any] = {"args": [], "selected": [], "excluded": [], "callbacks": []}
    numbers = dict.fromkeys(("attempts", "interruptions", "snoozes"), 0)
    lists |= {"counts": dict.fromkeys(COUNTED, 0)}
    lists |= {"kwargs": {}, "attempts_history": [], "set_aside": None}
    lists |= {"acts": [], "quotas": []}
    return {**dict.fromkeys(names.split()), **lists, **numbers}


def _outcome(fields: Fields | None) -> dict[str, Any]:
    names = ("result", "result_repr", "failure", "ending")
    outcome: dict[str, Any] = dict.fromkeys(names)
    if fields is None:
        return outcome
    value = fields["_result"]
    value = _try(lambda: loaded(value, fields.partial._p_jar), None)
    outcome["result_repr"] = safe_repr(value)
    if isinstance(value, Failure):
        outcome["failure"] = _failure(value)
        outcome["ending"] = _try(lambda: ending_text(value), None)
    else:
        outcome["result"] = json_form(value)
    return outcome


def _failure(failure: Failure) -> dict[str, Any]:
    evidence = getattr(failure, "evidence", {})
    return {
        "type": type_name(failure),
        "message": _try(failure.getErrorMessage, ""),
        "traceback": _try(failure.getTraceback, ""),
        "evidence": {str(name): plain(value) for name, value in evidence.items()},
        **{name: plain(getattr(failure.value, name, None)) for name in TOLD},
    }


def attempts_history(fields: Fields) -> list[dict[str, Any]]:
    """Return the failed attempts that another one has followed or will, the oldest first."""
    history = usable(fields["_history"])
    failed: list[FailedAttempt] = _try(lambda: [] if history is None else history.listed(), [])
    return [
        {
            "type": one.type,
            "message": one.message,
            "worker": None if one.worker is None else _uuid_text(one.worker),
            "time": _moment(one.moment),
            "rule": one.rule,
        }
        for one in failed
    ]


def _last_failure(fields: Fields) -> dict[str, Any] | None:
    history = usable(fields["_history"])
    found = None if history is None else history.failure
    return None if found is None else _failure(found)


def _callbacks(fields: Fields, depth: int = 0) -> list[dict[str, Any]]:
    sidecar = fields["_sidecar"]
    callbacks: tuple[Any, ...] = _try(lambda: sidecar.all_callbacks(), ())
    found = []
    for callback in callbacks[:CALLBACK_LIMIT]:
        below = []
        if depth < CALLBACK_DEPTH and (inner := Fields(callback)).is_readable:
            below = _callbacks(inner, depth + 1)
        shown = {name: summary(callback).get(name) for name in ("id", "state", "callable", "call")}
        shown["failure"] = summary(callback).get("failure")
        found.append({**shown, "callbacks": below})
    return found


def json_form(value: Any) -> Any:
    """Return the value as JSON has it; None when it has no JSON form."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None


def plain(value: Any) -> Any:
    """Return the value as JSON has it, else its repr."""
    form = json_form(value)
    return safe_repr(value) if form is None and value is not None else form


def safe_repr(value: Any) -> str:
    """Return ``repr`` of a value, cut when it is long, without addresses; never raises."""
    try:
        text = long_text(value, REPR_CHARACTERS)
        return cut(text if isinstance(value, str) else unaddressed(text), REPR_CHARACTERS)
    except Exception as error:  # any class's own code may run here
        kind = type(value)
        return f"<{kind.__module__}.{kind.__qualname__}: repr raised {type(error).__name__}>"


def identity(partial: Any) -> str:
    """Return the id, or ``?`` if never stored.  Raises AttributeError for what is no object."""
    return NO_ID if partial._p_jar is None else id_of(partial)


def _moment(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    moment: datetime = clock.nearest_datetime(microseconds)
    return moment.isoformat()


def _uuid_text(worker: bytes) -> str:
    return str(uuid.UUID(bytes=worker))


def _try(read: Callable[[], T], default: T) -> T:
    """Return what ``read`` returns, or the default where a part of the record is broken.

    Errors of the storage are raised: the record is not their cause.
    """
    try:
        return read()
    except POSKeyError:
        return default
    except (TransientError, StorageError):
        raise
    except Exception:  # classes that the record refers to run their own code on loading
        return default
