"""Faults: everything that can go wrong with a call, as values.

An exception, a returned Failure, a conflict, a commit in doubt, a death, a time limit, a cancel, a
missed deadline, a record that cannot be loaded, something that is missing: each becomes one of
these and then goes one way, :func:`zcasync.retry.decision.decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from transaction.interfaces import TransientError
from twisted.python.failure import Failure

from zcasync.database.errors import is_lost_by_storage
from zcasync.errors import MissingCode
from zcasync.job.aside import Missing
from zcasync.job.failure import StoredFailure


class Repeat(Enum):
    """The place where the call can be made once more."""

    HERE = auto()  # in this process, at once
    IN_THE_QUEUE = auto()  # its connection is gone: by a worker, where one has claimed it
    NOWHERE = auto()  # it has made a part of its changes durable


@dataclass(frozen=True)
class Raised:
    """An exception of the call, or of its commit.

    ``is_given_up``: the server has given up that commit, and was there all the while.
    """

    failure: Failure
    at_commit: bool = False
    repeat: Repeat = Repeat.HERE
    is_given_up: bool = False

    @property
    def error(self) -> BaseException:
        """The exception."""
        assert self.failure.value is not None
        return self.failure.value

    @property
    def is_storage_lost(self) -> bool:
        """True when the storage is away or full, so that it has to be waited for."""
        return is_lost_by_storage(self.error)

    @property
    def is_the_calls(self) -> bool:
        """True for an error of the call's own: no conflict, and nothing that passes by itself."""
        return not isinstance(self.error, TransientError) and not self.is_storage_lost


@dataclass(frozen=True)
class Refused:
    """The refusal of a call that may not begin; no attempt is counted.

    ``failure``: the result that it ends with, None: one made of the error.
    """

    error: BaseException
    failure: StoredFailure | None = None


@dataclass(frozen=True)
class Absent:
    """Code that the call needs is not there, in a process that has it set aside; it is not begun.

    ``missing``: what it is; ``error``: what it ends with where it cannot wait.
    """

    error: MissingCode
    missing: Missing


@dataclass(frozen=True)
class Died:
    """The death of the process that made the call; the record counts the interruption already.

    ``who``: that process, for people; ``is_crash``: it died by itself, not with its engine.
    """

    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    who: str | None = None
    is_crash: bool = True


@dataclass(frozen=True)
class Stopped:
    """The call was stopped at a checkpoint, to go on there later; no attempt is counted."""


@dataclass(frozen=True)
class Overran:
    """The call was ended by its hard limit, from outside; the record counts it already.

    ``failure``: a HardTimeLimit, with the evidence.
    """

    failure: StoredFailure


@dataclass(frozen=True)
class Cancelled:
    """A cancel by ``who``; ``evidence``: of the death of the call's process."""

    who: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """The record of the call cannot be loaded; ``problem``: why, for the operator."""

    problem: str


Fault = Raised | Refused | Absent | Stopped | Died | Overran | Cancelled | Unreadable
