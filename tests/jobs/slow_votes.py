"""Calls whose commits take longer than the database server's patience, for the tests of that."""

from __future__ import annotations

import time
from typing import Any

import transaction

from tests.support.gates import Gate


class SlowVoter:
    """A participant that votes last, after so many seconds, while the server is locked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.transaction_manager = transaction.manager

    def sortKey(self) -> str:
        return "~~~ behind all storages"

    def tpc_vote(self, transaction: Any) -> None:
        time.sleep(self.seconds)

    def tpc_begin(self, transaction: Any) -> None:
        pass

    abort = commit = tpc_finish = tpc_abort = tpc_begin


def vote_slowly(counter: Any, gate: str, seconds: float, times: int, on_the_way: bool) -> int:
    """Have a commit take so long, the first ``times`` times; ``on_the_way``: one of its own."""
    passage = Gate(gate)
    passage.arrive()
    counter.add()
    if len(passage.arrivals()) <= times:
        transaction.get().join(SlowVoter(seconds))
    if on_the_way:
        transaction.commit()
    return counter.value  # type: ignore[no-any-return]
