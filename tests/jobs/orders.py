"""An order, as applications have them, for what people are shown of its jobs."""

from __future__ import annotations

from typing import Any

from persistent import Persistent


class Order(Persistent):
    """Something to be paid."""

    def charge(self, amount: int, number: int = 1, note: str = "") -> int:
        raise ValueError(f"no card for {amount}")


def paid(result: object) -> None:
    """Thank the customer."""


def unpaid(failure: object) -> None:
    """Remind the customer."""


class Note:
    """What is said to a customer; not persistent."""

    text = ""


class TwiceAtMost:
    """A retry policy: one more attempt, whatever was wrong."""

    at_most_once = False

    def __init__(self, partial: Any) -> None:
        """Of this partial."""

    def jobError(self, failure: Any, counts: Any) -> bool:
        return bool(counts.exceptions < 2)

    commitError = jobError

    def interrupted(self, counts: Any) -> bool:
        return bool(counts.interruptions < 2)
