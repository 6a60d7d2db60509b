"""Twists: what happens to a process in the middle of something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ZEO.Exceptions import ClientDisconnected

from tests.simulation.jobs import Crash

#: What can happen to a process at a commit, or while it is at one.
BEFORE = ("crash", "pass", "work", "callback", "put", "stall", "kill", "restart", "size")
#: It is held up between its vote and the end of its commit.
VOTED = ("crash", "pass", "work", "put", "stall", "kill", "restart", "cancel")
#: At the end of its commit; more often, because less can happen there.
LOST, AFTER = ("doubt",) * 3, ("doubt", "crash") * 3
#: In a call that takes long.
CALL = ("crash", "kill", "stall", "cancel", "pass")


def plans(**places: tuple[str, ...]) -> tuple[str, ...]:
    """Plans by what and where."""
    return tuple(f"{what} {place}" for place, plans in places.items() for what in plans)


PLANS = plans(before=BEFORE, voted=VOTED, lost=LOST, after=AFTER, call=CALL)
#: Where one storage may have what the other one lacks, the promises are others.
PLANS_APART = plans(before=BEFORE, call=CALL)


@dataclass
class Twist:
    """What happens to the acting process at its commit number ``nth``, or between two of them.

    ``place``: see ``Server.at``; or in a ``call`` that takes long.
    """

    nth: int
    place: str
    do: Callable[[Any], None]


def crash(actor: Any) -> None:
    """The process dies here."""
    raise Crash


def doubt(actor: Any) -> None:
    """The connection to the storage is lost here."""
    actor.world.count("commits in doubt")
    raise ClientDisconnected("the storage went away in a commit")
