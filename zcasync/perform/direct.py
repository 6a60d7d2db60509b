"""Calls where no worker is: in the caller's own thread."""

from __future__ import annotations

from typing import Any

from zcasync.job.record import PartialRecord
from zcasync.perform.performer import Performer
from zcasync.perform.transactions import Transactions

_direct = Performer()


def perform(
    partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> None:
    """Call a partial that is in no queue, in this thread; commits."""
    _direct.perform_unclaimed(partial, args, kwargs or {})


def finish(partial: PartialRecord, result: Any) -> None:
    """End a partial with this result, in this thread; commits, first what the caller changed."""
    Transactions(partial).commit()
    _direct.finish(partial, result)


def run_callbacks(partial: PartialRecord) -> None:
    """Run what is left of a partial's callbacks, in this thread; commits, as ``finish``."""
    Transactions(partial).commit()
    _direct.run_callbacks(partial)
