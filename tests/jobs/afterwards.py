"""Jobs that go on when they are over: after their commit, and in threads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import transaction

import zcasync
from tests.support.gates import Gate
from zcasync import Partial

FOR_EVER = 1e6
POOLS: list[ThreadPoolExecutor] = []


def hang_after_commit(gate: str) -> str:
    """End, and then wait for ever in a hook behind the commit, but for the gate."""

    def hang(is_committed: bool) -> None:
        if is_committed:
            Gate(gate).pass_through(FOR_EVER)

    transaction.get().addAfterCommitHook(hang)
    return "committed"


def wait_in_a_callback(result: object, gate: str) -> str:
    Gate(gate).pass_through()
    return f"after {result}"


def leave_threads(gate: str, *names: str) -> int:
    """Leave threads with these names at a gate; those that begin with daemon are daemons."""
    for name in names:
        threading.Thread(
            target=Gate(gate).pass_through,
            args=[FOR_EVER],
            name=name,
            daemon=name.startswith("daemon"),
        ).start()
    return len(names)


def returns_another(partial: Partial) -> Partial:
    """Be replaced by another job, and wait for it."""
    return zcasync.put(partial, the_other_one)


def the_other_one() -> str:
    return "the other one"


def use_pools() -> int:
    """Leave the idle threads of two pools, Twisted's and the standard library's."""
    from twisted.internet import reactor
    from twisted.internet.threads import blockingCallFromThread, deferToThread

    executor = ThreadPoolExecutor(2)
    POOLS.append(executor)
    assert executor.submit(os.getpid).result() == os.getpid()
    return int(blockingCallFromThread(reactor, deferToThread, os.getpid))
