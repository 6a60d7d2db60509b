"""The watch over code of the application that runs only because something is loaded.

A module that is imported for a call, and values of the application's own types, may raise anything
then, which is answered where they are loaded; they may also never end, or end the process.  A
process that performs calls has that watched, with the stage at which it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum


class Stage(StrEnum):
    """The stage of a job at which something of the application is loaded."""

    CALL = "call"  # its module, its arguments, its retry policy: before it is made
    RESULT = "result"  # what it has returned, tried before it is stored


#: Returns a context in which something is loaded.
Watch = Callable[[Stage], AbstractContextManager[None]]

_watches: list[Watch] = []


def watch_loading(watch: Watch) -> None:
    """Have all loading of this process watched from now on."""
    _watches[:] = [watch]


def loading(stage: Stage) -> AbstractContextManager[None]:
    """Return the context in which to load something of the application at this stage."""
    return _watches[0](stage) if _watches else nullcontext()
