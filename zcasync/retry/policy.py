"""Retry policies: how a partial's policy is named in its record, found again, and asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from transaction.interfaces import TransientError
from zope.component import getGlobalSiteManager
from zope.interface import providedBy

from zcasync import clock
from zcasync.errors import (
    FOREIGN_CODE,
    BadCallable,
    MissingCallable,
    MissingPolicy,
    NotAllowed,
    Retry,
)
from zcasync.interfaces import IRetryPolicy
from zcasync.job.callables import find, is_imported, require_allowed, store_form
from zcasync.job.record import PartialRecord
from zcasync.retry.rule import RetryRule, rule_by_name
from zcasync.retry.ruled import Ruled
from zcasync.retry.stock import STOCK, Counts, RetryExceptions, by_values
from zcasync.retry.wishes import answer_to
from zcasync.text import cut

#: The name of the policy of a partial, and of a callback, that names none.
UNNAMED = "default"
UNNAMED_CALLBACK = "callback"

#: A longer reason, or name, is cut in histories.
REASON_CHARACTERS = 100

Factory = Callable[[Any], Any]


@dataclass(frozen=True)
class RetryDecision:
    """A policy's wish for another attempt.  ``at``: not before, microseconds; None: now."""

    at: int | None = None


def stored_name(retry: Any) -> str | None:
    """Return the stored name for the argument ``retry``; None for None.

    A number, of further attempts after an exception, RetryExceptions and RetryRule have their
    values in it.

    Raises ValueError, naming the argument, for what has no name that workers could import.
    """
    if retry is None or isinstance(retry, str):
        return None if retry is None else str.__str__(retry)  # of no class of an application
    if isinstance(retry, int) and not isinstance(retry, bool):
        if retry < 0:
            raise ValueError(f"retry={retry}: a call cannot be tried again so many times")
        retry = RetryExceptions(limit=retry + 1)
    if isinstance(retry, RetryExceptions | RetryRule):
        if isinstance(retry, RetryRule):
            retry.require_possible()
        return retry.name
    if isinstance(retry, type) and issubclass(retry, BaseException | RetryRule):
        raise ValueError(
            f"retry={retry.__name__} is no policy: give a rule, as zcasync.RetryRule(on=OSError)"
        )
    try:
        name = store_form(retry)
    except BadCallable as error:
        raise ValueError(f"retry cannot be kept: {error}") from error
    if not isinstance(name, str):
        raise ValueError(f"retry {retry!r} is not the name of a policy, and has none itself")
    return name


def require_policy(partial: PartialRecord, name: str | None) -> None:
    """Raise ValueError, naming the argument, when this process finds no policy of this name."""
    if name is None:
        return
    try:
        _named(partial, name)
    except (MissingPolicy, MissingCallable) as error:
        raise ValueError(f"retry={name!r}: {error}") from error


def use_policy(partial: PartialRecord, name: str | None) -> None:
    """Let a partial that is pending have the policy of this name."""
    partial.name_policy(name)
    if is_foreign(partial):
        partial.name_policy(name, begins_only_once(partial))


def policy_of(partial: PartialRecord) -> Any:
    """Return a partial's IRetryPolicy.  Raises MissingPolicy where this process finds none."""
    name = partial.policy_name
    if name is None:
        factory = _unnamed(partial)
    else:
        try:
            factory = _named(partial, name)
        except (MissingCallable, NotAllowed) as error:
            raise MissingPolicy(
                f"retry policy {name!r} of {partial!r}: {error}",
                missing=getattr(error, "missing", None),
            ) from error
    try:
        policy = factory(partial)
        is_one = policy is None or hasattr(policy, "at_most_once")
    except TransientError:
        raise
    except FOREIGN_CODE as error:  # the application's own code; its error is the reason to give
        raise MissingPolicy(
            f"retry policy {shown_name(partial)!r} of {partial!r} cannot be made: "
            f"{type(error).__name__}: {error}"
        ) from error
    if policy is None:
        raise MissingPolicy(f"{factory!r} has no retry policy for {partial!r}")
    if not is_one:
        raise MissingPolicy(
            f"retry policy {shown_name(partial)!r} of {partial!r} is none: it has made a "
            f"{type(policy).__name__}"
        )
    return policy


def begins_only_once(partial: PartialRecord) -> bool:
    """Return whether a partial's policy lets it begin only once; True where none can be found."""
    try:
        return bool(policy_of(partial).at_most_once)
    except TransientError:
        raise
    except FOREIGN_CODE:  # no policy, or a bad one: the call ends with it where it is to be made
        return True


def is_foreign(partial: PartialRecord) -> bool:
    """Return whether the policy is the application's, to be imported where calls are made only."""
    return is_imported(partial.policy_name)


def is_policy_imported(partial: PartialRecord) -> bool:
    """Return whether nothing has to be imported to find a partial's policy."""
    return not is_foreign(partial) or str(partial.policy_name).partition(":")[0] in sys.modules


def may_begin_once(partial: PartialRecord) -> bool:
    """Return as ``begins_only_once`` does, without importing a policy: the put has."""
    return partial.may_begin_once if is_foreign(partial) else begins_only_once(partial)


def shown_name(partial: PartialRecord) -> str:
    """Return the name of a partial's policy, for people and programs."""
    if partial.policy_name is not None:
        return partial.policy_name
    return UNNAMED if partial.parent is None else UNNAMED_CALLBACK


def reason_of(policy: Any) -> str:
    """Return why a policy has answered so last, for people; '': it says nothing of that."""
    try:
        found = policy.reason
    except FOREIGN_CODE:  # most of an application's own have none
        return ""
    return cut(found, REASON_CHARACTERS) if type(found) is str else ""


def within_of(policy: Any) -> float | None:
    """Return the seconds in which all attempts have to begin; None: there is no such limit."""
    return policy.within if isinstance(policy, Ruled) else None


def label_of(name: str, policy: Any) -> str:
    """Return a policy in a few words, for histories; ``name``: that of its partial."""
    return cut(policy.label if isinstance(policy, Ruled) else name, REASON_CHARACTERS)


def ask(policy: Any, question: str, *args: Any) -> tuple[RetryDecision | None, str]:
    """Return a policy's decision, None: no; with it, what was wrong with the answer ('': nothing).

    An answer that cannot be used is a no.  Raises TransientError when the policy needs the storage,
    which is away.
    """
    try:
        return _decision(getattr(policy, question)(*args)), ""
    except TransientError:
        raise  # the fault of the storage, not of the policy
    except FOREIGN_CODE as error:  # the application's own code: its error must not hide the job's
        return None, (
            f"retry policy {type(policy).__name__} has no usable answer to {question}: "
            f"{type(error).__name__}: {error}"
        )


def ask_for(policy: Any, wish: Retry, counts: Counts) -> tuple[RetryDecision | None, str]:
    """Return the decision about a job's own wish for another attempt, and why, for people."""
    try:
        answer, reason = answer_to(policy, wish, counts)
        return _decision(answer), reason
    except TransientError:
        raise
    except FOREIGN_CODE as error:  # the application's own code, or a time that is too far away
        return None, f"{type(error).__name__}: {error}"


def _decision(answer: Any) -> RetryDecision | None:
    if answer is True:
        return RetryDecision()
    if answer is False:
        return None
    if isinstance(answer, timedelta):
        at = clock.now() + answer // clock.MICROSECOND
    else:
        at = clock.from_datetime(answer, "a retry policy's answer")
    clock.to_datetime(at)  # raises OverflowError for a time that could not be read again
    return RetryDecision(at)


def _unnamed(partial: PartialRecord) -> Factory:
    if partial.parent is not None:
        return _stock(partial, UNNAMED_CALLBACK)
    return _registered(partial, "") or _stock(partial, UNNAMED)


def _stock(partial: PartialRecord, name: str) -> Factory:
    return _registered(partial, name) or STOCK[name]


def _named(partial: PartialRecord, name: str) -> Factory:
    """Return the factory with this name.  Raises MissingPolicy, MissingCallable, NotAllowed."""
    found = _registered(partial, name) or STOCK.get(name) or by_values(name) or rule_by_name(name)
    if found is not None:
        return found
    if is_imported(name):
        require_allowed(partial._p_jar, name)
        factory = find(name)
        if callable(factory):
            return factory
    raise MissingPolicy(
        f"no retry policy has the name {name!r} here: the stock ones are {', '.join(STOCK)}; "
        "others are adapters of IPartial to IRetryPolicy, registered in each process that puts or "
        "runs partials, or factories named as package.module:attribute"
    )


def _registered(partial: PartialRecord, name: str) -> Factory | None:
    # Not by the current site, which may be any: a policy is asked in other processes, too.
    found: Factory | None = getGlobalSiteManager().adapters.lookup(
        [providedBy(partial)], IRetryPolicy, name
    )
    return found
