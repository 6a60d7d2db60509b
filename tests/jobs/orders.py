"""An order, as applications have them, for what people are shown of its jobs."""

from __future__ import annotations

from persistent import Persistent


class Order(Persistent):
    """Something to be paid."""

    def charge(self, amount: int, number: int = 1, note: str = "") -> int:
        raise ValueError(f"no card for {amount}")


def paid(result: object) -> None:
    """Thank the customer."""


def unpaid(failure: object) -> None:
    """Remind the customer."""
