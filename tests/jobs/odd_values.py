"""Values and exceptions whose own code raises, hangs or returns far too much; their jobs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from persistent import Persistent

#: A text that would need this many bytes each time that it is copied.
GIANT_CHARACTERS = 1 << 30


def fail() -> Any:
    raise RuntimeError("this class's own code was run")


def end_process() -> Any:
    raise SystemExit("this class's own code was run")


def hang() -> Any:
    time.sleep(3600)


def giant() -> Any:
    return "g" * GIANT_CHARACTERS


DEEDS: dict[str, Callable[[], Any]] = {
    "raises": fail,
    "exits": end_process,
    "hangs": hang,
    "giant": giant,
}


class Odd:
    """Whatever asks it for something finds that out, where it has been armed.

    It is armed by being loaded: an application puts it without harm.
    """

    def __init__(self, deed: str) -> None:
        self.deed = deed
        self.is_armed = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, is_armed=True)

    def _do(self) -> Any:
        return DEEDS[self.deed]() if self.is_armed else "harmless"

    def __repr__(self) -> str:
        return self._do()  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return self._do()  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return bool(self._do())

    def __hash__(self) -> int:
        return len(self._do()) if self.is_armed else 1


class OddRecord(Persistent):
    """The same in a record of its own, and it can be called."""

    def __init__(self, deed: str) -> None:
        self.deed = deed

    def __repr__(self) -> str:
        return DEEDS[self.deed]()  # type: ignore[no-any-return]

    __str__ = __repr__

    def __call__(self, *args: Any) -> str:
        return "called"

    def method(self, *args: Any) -> str:
        """Return a plain text."""
        return "called"


class OddError(Exception):
    """An exception that cannot say what it is about."""

    def __init__(self, deed: str) -> None:
        super().__init__(deed)
        self.deed = deed

    def __str__(self) -> str:
        return DEEDS[self.deed]()  # type: ignore[no-any-return]

    __repr__ = __str__


class SubText(str):
    """A text of the application's own class."""


class ErrorOfItsOwnText(Exception):
    """An exception whose message is no plain text."""

    def __str__(self) -> str:
        return SubText("a text of its own class")


def take(*args: Any, **kwargs: Any) -> str:
    """Take any arguments."""
    return "taken"


def give(deed: str) -> list[Odd]:
    """Return an odd value."""
    return [Odd(deed)]


def complain(deed: str) -> None:
    """Raise an odd exception."""
    raise OddError(deed)


def complain_because(deed: str) -> None:
    """Raise a plain one for an odd one."""
    try:
        complain(deed)
    except OddError as error:
        raise ValueError("for that") from error


def complain_of(deed: str) -> None:
    """Raise a builtin one about an odd value."""
    odd = Odd(deed)
    odd.is_armed = True
    raise KeyError(odd)


def complain_in_own_text() -> None:
    """Raise the one whose message is no plain text."""
    raise ErrorOfItsOwnText


def partial_of(deed: str, call: Any = take) -> Any:
    """Return a functools.partial with an odd value."""
    return functools.partial(call, Odd(deed))
