"""The attempt history: the failed attempts of a call that another one has followed, or will.

A record of its own, which only calls have that failed and were not over then; most have none.  The
processes that write it write the partial in the same transaction, so no two of them do at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from persistent import Persistent

from zcasync.job.failure import StoredFailure
from zcasync.job.field_types import (
    Check,
    Checked,
    is_moment,
    is_text,
    is_uuid,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.loadable import why_unloadable
from zcasync.text import cut
from zcasync.unpublished import Unpublished

#: The last attempts are kept.
MOST_ATTEMPTS = 10
#: A longer type or message is cut.
TEXT_CHARACTERS = 300


def _is_attempt(value: Any) -> bool:
    if type(value) is not tuple or len(value) not in (4, 5):
        return False
    kind, message, worker, moment, *rule = value
    if not all(map(is_text, rule)):
        return False
    return is_text(kind) and is_text(message) and optional(is_uuid)(worker) and is_moment(moment)


@dataclass(frozen=True)
class FailedAttempt(Unpublished):
    """One failed attempt.  ``worker``: UUID bytes, None: unknown; ``moment``: microseconds.

    ``rule``: what has decided that another one follows, and when; '': not known.
    """

    type: str
    message: str
    worker: bytes | None
    moment: int
    rule: str = ""


class AttemptHistory(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The last failed attempts of one call, as plain tuples, and the Failure of the last one."""

    _field_types: ClassVar[dict[str, Check]] = {
        "attempts": tuple_of(_is_attempt),
        "failure": optional(stored("zcasync.job.failure.StoredFailure")),
    }

    attempts: tuple[tuple[Any, ...], ...] = ()
    failure: StoredFailure | None = None

    def add(
        self, failure: StoredFailure, worker: bytes | None, moment: int, rule: str = ""
    ) -> None:
        """Add an attempt, unless it was added already; the oldest of too many is dropped."""
        kind = cut(failure.type_name, TEXT_CHARACTERS)
        message = cut(failure.getErrorMessage(), TEXT_CHARACTERS)
        told = (cut(rule, TEXT_CHARACTERS),) if rule else ()
        one = (kind, message, worker, moment, *told)
        if one not in self.attempts:
            self.attempts = (*self.attempts, one)[-MOST_ATTEMPTS:]
            self.failure = failure

    def listed(self) -> list[FailedAttempt]:
        """Return the attempts, the oldest one first."""
        return [FailedAttempt(*one) for one in self.attempts]


def usable(stored: Any) -> AttemptHistory | None:
    """Return what a partial refers to as its history; None for nothing, or for what is of no use.

    It is evidence, on which no call depends: one that is missing, or cannot be loaded, is as good
    as none.  Raises what a storage raises that cannot answer now, or is another one.
    """
    if isinstance(stored, AttemptHistory) and why_unloadable(stored) is None:
        return stored
    return None
