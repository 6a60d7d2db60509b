"""The watch over code of the application that runs only because something is loaded.

A module that is imported for a call, and values of the application's own types, may raise anything
then, which is answered where they are loaded; they may also never end, or end the process.  A
process that performs calls has that watched, with the stage at which it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """The stage of a job at which something of the application is loaded."""

    CALL = "call"  # its module, its arguments, its retry policy: before it is made
    RESULT = "result"  # what it has returned, tried before it is stored


#: Returns a context in which something is loaded.
Watch = Callable[[Stage], AbstractContextManager[None]]

#: Tries in another process whether a pickle, with the stored objects that it refers to, can be
#: loaded; returns why not, '' where it can.
Trial = Callable[[bytes, tuple[Any, ...]], str]

_trial: ContextVar[Trial | None] = ContextVar("zcasync_trial", default=None)
_watches: list[Watch] = []


def watch_loading(watch: Watch) -> None:
    """Have all loading of this process watched from now on."""
    _watches[:] = [watch]


def loading(stage: Stage) -> AbstractContextManager[None]:
    """Return the context in which to load something of the application at this stage."""
    return _watches[0](stage) if _watches else nullcontext()


@contextmanager
def tried_elsewhere(trial: Trial | None) -> Iterator[None]:
    """Have results tried in another process, within this context; None: in this one."""
    before = _trial.set(trial)
    try:
        yield
    finally:
        _trial.reset(before)


def trial_elsewhere() -> Trial | None:
    """Return what tries results in another process; None: this one does."""
    return _trial.get()
