"""The table of acts, and the ends that the job of an act may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from tests.jobs.acts.scene import Scene


class End(Enum):
    """An end of a job that performs an act."""

    #: The result that the call has returned, in the first attempt or a later one.
    RIGHT = "right"
    #: A Failure with what the job itself, or one of its participants, has raised.
    ERROR = "error"
    #: As RIGHT, after an attempt that has ended its process and was counted.
    CRASH = "crash"


#: How often the effect of a job is in the database, by its end.
USUAL = MappingProxyType({End.RIGHT: 1, End.CRASH: 1, End.ERROR: 0})
#: The ways in which a job can be run.
THREAD, BATCH, CALLBACK, REACTOR = "thread", "batch", "callback", "reactor"
EVERY = (THREAD, BATCH, CALLBACK, REACTOR)
#: Those in a child.
CHILD = (THREAD, BATCH, CALLBACK)


@dataclass(frozen=True)
class Act:
    """An act, and what is expected of a job that performs it alone."""

    name: str
    do: Callable[[Scene], object]
    #: The ends that it may have.
    ends: tuple[End, ...]
    #: A part of the type and message of its error.
    error: str = ""
    #: How often the effect of its job is there, by its end.
    effects: Mapping[End, int] = field(default_factory=lambda: USUAL)
    #: The ways to run it in.
    forms: tuple[str, ...] = (THREAD,)
    #: It happens in the first attempt only.
    once: bool = False
    #: It commits or aborts by itself: what other acts of its job expect may not come.
    own_transaction: bool = False
    #: It leaves in its process what is not put back: a thread, a file, something replaced.
    leaves: bool = False

    def perform(self, scene: Scene) -> None:
        """Do it, unless it has been done and is to be done once."""
        if self.leaves:
            scene.note_leftover()
        if not self.once or scene.is_first(self.name):
            self.do(scene)


ACTS: dict[str, Act] = {}


def act(
    *ends: End,
    error: str = "",
    effects: Mapping[End, int] | None = None,
    forms: tuple[str, ...] = (THREAD,),
    own_transaction: bool = False,
    leaves: bool = False,
) -> Callable[[Callable[[Scene], object]], Callable[[Scene], object]]:
    """Return a decorator that puts an act in the table, under its own name."""

    def put(do: Callable[[Scene], object]) -> Callable[[Scene], object]:
        add(
            do.__name__,
            do,
            *ends,
            error=error,
            effects=effects,
            forms=forms,
            own_transaction=own_transaction,
            leaves=leaves,
        )
        return do

    return put


def add(
    name: str,
    do: Callable[[Scene], object],
    *ends: End,
    error: str = "",
    effects: Mapping[End, int] | None = None,
    forms: tuple[str, ...] = (THREAD,),
    own_transaction: bool = False,
    leaves: bool = False,
) -> None:
    """Put an act in the table.  One that may end its process does so in its first attempt only."""
    assert name not in ACTS, f"there are two acts {name}"
    ACTS[name] = Act(
        name,
        do,
        ends or (End.RIGHT,),
        error,
        MappingProxyType({**USUAL, **(effects or {})}),
        forms,
        End.CRASH in ends,
        own_transaction,
        leaves,
    )
