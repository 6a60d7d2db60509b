"""Direct calls: without a worker, in the caller's own thread."""

from __future__ import annotations

from typing import Any

from zcasync.job.record import PartialRecord
from zcasync.perform.performer import Performer
from zcasync.perform.transactions import Transactions

_direct = Performer()


def perform(
    partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> None:
    """Call a partial that is in no queue, in this thread, and commit."""
    _direct.perform_unclaimed(partial, args, kwargs or {})


def finish(partial: PartialRecord, result: Any) -> None:
    """Commit what the caller changed, then end a partial with this result, in this thread."""
    Transactions(partial).commit()
    _direct.finish(partial, result)


def run_callbacks(partial: PartialRecord) -> None:
    """Commit what the caller changed, then run the callbacks that are left, in this thread."""
    Transactions(partial).commit()
    _direct.run_callbacks(partial)
