"""Jobs that need a storage with sessions at a server."""

from __future__ import annotations

import os
from typing import Any

import transaction

from tests.jobs.basic import Counter
from tests.support.gates import Gate


class _Gatekeeper:
    """Takes part in a transaction as the last one: it votes when all others have."""

    transaction_manager = None

    def __init__(self, gate: str) -> None:
        self._gate = Gate(gate)

    def sortKey(self) -> str:
        return "~~~~ the last one"

    def tpc_vote(self, txn: Any) -> None:
        if not self._gate.is_open:
            self._gate.pass_through()

    def tpc_begin(self, txn: Any) -> None:
        """Do nothing."""

    commit = tpc_finish = tpc_abort = abort = tpc_begin


def stand_still(counter: Counter, gate: str) -> int:
    """Change a counter, and wait at a gate when that is voted for."""
    transaction.get().join(_Gatekeeper(gate))
    return counter.add()


def fork_and_load(counter: Counter) -> int:
    """Fork; the copy tries to load and ends as a program does, and the child goes on."""
    pid = os.fork()
    if not pid:
        jar = counter._p_jar
        try:
            jar.cacheMinimize()
            jar.sync()
            jar.root()["counter"].value  # noqa: B018
        finally:
            jar.db().close()
            os._exit(0)
    os.waitpid(pid, 0)
    return counter.add()
