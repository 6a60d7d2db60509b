"""Wait: what a child tells of its wait for the storage, as a value that every process shares."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from zcasync import clock
from zcasync.text import cut, message_of, printable

#: Longer problems are cut.
PROBLEM_CHARACTERS = 300
#: The storage is there, and takes nothing: it is for an operator to make room.
NO_ROOM = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])


@dataclass(frozen=True)
class Wait:
    """A wait for the storage.

    ``problem``: the type and message of what the storage raised last; ``since``: when it raised
    something first, microseconds since 1970; ``tries``: how often it did; ``is_full``: it says that
    it has no room.
    """

    problem: str
    since: int
    tries: int
    is_full: bool = False

    @classmethod
    def of(cls, error: BaseException, since: int, tries: int) -> Wait:
        """Return the wait that this error has begun, or goes on with."""
        problem = cut(printable(f"{type(error).__name__}: {message_of(error)}"), PROBLEM_CHARACTERS)
        return cls(problem, since, tries, is_full(error))

    def as_dict(self) -> dict[str, Any]:
        """Return the wait for a message."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Wait:
        """Return the wait for what ``as_dict`` returned.  Raises KeyError."""
        return cls(found["problem"], found["since"], found["tries"], found["is_full"])

    def for_status(self) -> dict[str, Any]:
        """Return the wait as ``--json`` has it."""
        since = clock.nearest_datetime(self.since).isoformat(timespec="seconds")
        return {"problem": self.problem, "since": since, "tries": self.tries}


def says_full(problem: str) -> bool:
    """Return whether a problem, a text with the message of an error, says that there is no room."""
    return any(os.strerror(number) in problem for number in NO_ROOM)


def is_full(error: BaseException) -> bool:
    """Return whether an error, or what has caused it, says that there is no room."""
    return any(isinstance(one, OSError) and one.errno in NO_ROOM for one in _line(error))


def _line(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what has caused it."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        yield following
        seen.append(following)
        following = following.__cause__ or following.__context__
