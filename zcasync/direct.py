"""How calls are made where no worker is: in the caller's own thread, with nobody to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zcasync.errors import BadStateError
from zcasync.partial import Partial
from zcasync.transactions import Transactions


def refuse(deferred: Any) -> Any:
    """What to do with a Deferred where no reactor will fire it: raise BadStateError."""
    raise BadStateError("the call returned a Deferred, and no reactor runs here to fire it")


def end_transaction(partial: Partial) -> Callable[[], Partial]:
    """Let go of the view of the database, where the connection belongs to somebody else."""
    Transactions(partial).abort()
    return lambda: partial
