"""LeftThread: a thread that a child's jobs have left, as a value that every process shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zcasync.text import cut, printable

#: No more threads are named.
MOST_NAMED = 10
PLACE_CHARACTERS = 160


@dataclass(frozen=True)
class LeftThread:
    """A thread: its name, and the place where it is; a process ends without its daemons."""

    name: str
    place: str
    is_daemon: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the thread for a message."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> LeftThread:
        """Return the thread for what ``as_dict`` returned.  Raises KeyError."""
        return cls(found["name"], found["place"], found["is_daemon"])

    def __str__(self) -> str:
        return f"{self.name} ({self.place})"


def cut_thread(name: str, place: str, is_daemon: bool) -> LeftThread:
    """Return a thread with texts that people can read, and no longer ones."""
    return LeftThread(
        cut(printable(name), PLACE_CHARACTERS), cut(printable(place), PLACE_CHARACTERS), is_daemon
    )


def named(threads: Sequence[LeftThread], *, daemons: bool) -> str:
    """Return those that are daemons, or are not, for people; '': there are none."""
    chosen = [one for one in threads if one.is_daemon == daemons]
    if not chosen:
        return ""
    kind = {
        (False, True): "a thread that is no daemon",
        (False, False): f"{len(chosen)} threads that are no daemons",
        (True, True): "a daemon thread",
        (True, False): f"{len(chosen)} daemon threads",
    }[daemons, len(chosen) == 1]
    more = len(chosen) - MOST_NAMED
    names = [str(one) for one in chosen[:MOST_NAMED]] + ([f"{more} more"] if more > 0 else [])
    return f"{kind}: {', '.join(names)}"
