"""Callables that change whatever they are given, and fail a few times."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError

from tests.support.gates import Gate
from zcasync.retry.stock import RetryExceptions

#: Five attempts in all, quickly.
QUICK = RetryExceptions(limit=5, delay=0, jitter=0)


class Order:
    """A value of an application, not stored by itself."""

    def __init__(self, *lines: Any) -> None:
        self.lines = list(lines)
        self.note = "new"

    def __repr__(self) -> str:
        return f"Order({self.lines}, {self.note})"

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other)

    __hash__ = None  # type: ignore[assignment]


def spoil(value: Any) -> None:
    """Change all that can be changed in a value."""
    if isinstance(value, Order):
        spoil(value.lines)
        value.note = "spoiled"
    elif isinstance(value, list | tuple):
        for one in value:
            spoil(one)
        if isinstance(value, list):
            value.append("spoiled")
    elif isinstance(value, dict):
        for one in value.values():
            spoil(one)
        value["spoiled"] = True
    elif isinstance(value, set):
        value.add("spoiled")


def shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The arguments as they are now; of long ones the beginning and the end."""
    text = repr((args, kwargs))
    return text if len(text) < 1000 else f"{text[:200]}...{text[-200:]}"


def take(gate: str, failures: int, *args: Any, **kwargs: Any) -> str:
    """Return what the arguments were like, and spoil them; raise so many times."""
    return _take(ValueError("not this time"), gate, failures, args, kwargs)


def take_and_conflict(gate: str, failures: int, *args: Any, **kwargs: Any) -> str:
    """The same, with conflicts."""
    return _take(TransientError("not this time"), gate, failures, args, kwargs)


async def take_soon(gate: str, failures: int, *args: Any, **kwargs: Any) -> str:
    """The same as a coroutine."""
    return take(gate, failures, *args, **kwargs)


def annotate(gate: str, failure: Any) -> dict[str, Any]:
    """A callback that returns what is known of a failure, and spoils it; raises twice."""
    seen = dict(failure.evidence)
    failure.evidence["spoiled"] = True
    take(gate, 2)
    return seen


def take_here(*args: Any) -> str:
    """Return what the arguments were like, and spoil them."""
    seen = ", ".join(map(repr, args))
    spoil(args)
    return seen


def are_same(one: Any, other: Any) -> bool:
    return one is other


#: Results of this process that it goes on changing.
KEPT: list[Any] = []


def return_kept() -> list[Any]:
    return KEPT


def length(value: Any, *others: Any) -> int:
    return len(value)


def make(*lines: Any) -> Order:
    """A result of the application's own type."""
    return Order([*lines], {"number": 1})


def make_plain(*lines: Any) -> list[Any]:
    """A plain result that can be changed."""
    return [list(lines), {"number": [1]}]


def take_itself(partial: Any, gate: str, failures: int, *args: Any) -> str:
    """Read and spoil the arguments by way of the partial itself."""
    return take(gate, failures, *list(partial.args)[3:])


def _take(error: Exception, gate: str, failures: int, args: Any, kwargs: Any) -> str:
    seen = shown(args, kwargs)
    spoil(args)
    spoil(kwargs)
    arrived = Gate(gate)
    arrived.arrive()
    if len(arrived.arrivals()) <= failures:
        raise error
    return seen
