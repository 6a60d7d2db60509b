"""Notices: what is told of a call that has failed, for good or to be attempted again.

An event is notified in the process that performs, and the process is handed a notice for its log,
both after the commit that makes it true.  A process that dies between the two tells nothing: the
record has the failure all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

from twisted.python.failure import Failure
from zope.event import notify

from zcasync import clock
from zcasync.errors import FOREIGN_CODE
from zcasync.events import is_heard
from zcasync.interfaces import IJobStartedEvent, JobFailed, JobRetried, JobStarted
from zcasync.job.failure import StoredFailure, sanitize
from zcasync.job.ids import hex_oid, name_of
from zcasync.job.record import PartialRecord
from zcasync.perform.transactions import Transactions
from zcasync.text import cut, printable, shorten

log = logging.getLogger("zcasync")

#: A longer message, or name of a callable, is cut, and of a traceback the middle is left out.
MESSAGE_CHARACTERS = 500
#: So many, because each may take 12 bytes in JSON, as in the texts above, of which there are three,
#: and an AMP value ends at 65,535 bytes.
TRACEBACK_CHARACTERS = 3_500


@dataclass(frozen=True)
class Notice:
    """The failure of one call, in short texts and without its arguments.

    ``again_at``: when it is attempted again, microseconds; None: it has failed for good.
    """

    job: str
    callback_of: str
    call: str
    attempts: int
    type: str
    message: str
    traceback: str
    again_at: int | None

    @classmethod
    def of(
        cls, partial: PartialRecord, failure: StoredFailure, again_at: int | None, attempts: int
    ) -> Self:
        """Return the notice of a stored partial's failure, in the last of so many attempts."""
        parent = partial.parent
        return cls(
            job=hex_oid(partial._p_oid),
            callback_of="" if parent is None or parent._p_oid is None else hex_oid(parent._p_oid),
            call=_short(partial.callable_name),
            attempts=attempts,
            type=_short(failure.type_name.removeprefix("builtins.")),
            message=_short(failure.getErrorMessage()),
            traceback=shorten(failure.getTraceback(), TRACEBACK_CHARACTERS),
            again_at=again_at,
        )

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """Return the notice for what ``as_dict`` returned.  Raises TypeError."""
        return cls(**found)

    def as_dict(self) -> dict[str, Any]:
        """Return the notice for JSON."""
        return asdict(self)


#: Takes a notice, in the thread of the call.
Tell = Callable[[Notice], None]


def tell_end(partial: PartialRecord, tell: Tell | None) -> None:
    """Tell that a partial has ended with a Failure, which is committed."""
    failure = sanitize(partial.stored_result)
    if tell is not None and partial._p_oid is not None:
        tell(Notice.of(partial, failure, None, partial.attempts))
    _notify(JobFailed(partial, failure))


def tell_retry(
    partial: PartialRecord, failure: Failure, attempts: int, at: int | None, tell: Tell | None
) -> None:
    """Tell that a call has failed in this attempt and is attempted again ``at`` this moment.

    ``at``: microseconds; None: now, and the record does not have the attempt.
    """
    moment = clock.now() if at is None else at
    stored = sanitize(failure)
    if tell is not None and partial._p_oid is not None:
        tell(Notice.of(partial, stored, moment, attempts))
    _notify(JobRetried(partial, stored, clock.to_datetime(moment)))


def tell_start(partial: PartialRecord, attempt: int) -> None:
    """Tell that a call whose start is committed is about to be made."""
    if is_heard(IJobStartedEvent):
        _notify(JobStarted(partial, attempt))


def has_failed(partial: PartialRecord) -> bool:
    """Return whether a call that has returned ended its partial with a Failure.

    A callback that has returned its partial's Failure only passes it on.
    """
    result = partial.stored_result
    if not isinstance(result, Failure):
        return False
    parent = partial.parent
    return parent is None or not is_same(parent.stored_result, sanitize(result))


def is_same(result: Any, failure: StoredFailure) -> bool:
    """Return whether a result is this failure, perhaps loaded from its record again."""
    return result is failure or (
        isinstance(result, StoredFailure)
        and (result.type_name, result.text) == (failure.type_name, failure.text)
    )


def _notify(event: Any) -> None:
    partial = event.object
    try:
        notify(event)
    except FOREIGN_CODE:  # what is told is true, whatever those who hear of it make of that
        kind, name = type(event).__name__, printable(_name(partial))
        log.exception("a subscriber to %s raised an exception; %s is not concerned", kind, name)
        Transactions(partial).abort()


def _name(partial: PartialRecord) -> str:
    return repr(partial) if partial._p_oid is None else name_of(partial)


def _short(text: str) -> str:
    return cut(text, MESSAGE_CHARACTERS)
