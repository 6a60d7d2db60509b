"""The threads that a job leaves running, and the loops in them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import act

KEPT: list[Any] = []


def _start(target: Any, daemon: bool) -> None:
    threading.Thread(target=target, daemon=daemon, name="left by a job").start()


@act(leaves=True)
def leaves_a_thread(scene: Scene) -> None:
    _start(threading.Event().wait, daemon=False)


@act(leaves=True)
def leaves_a_daemon_thread(scene: Scene) -> None:
    _start(threading.Event().wait, daemon=True)


@act(leaves=True)
def leaves_a_thread_that_prints(scene: Scene) -> None:
    def work() -> None:
        for number in range(40):
            print("a thread of an earlier job", number)
            time.sleep(0.05)

    _start(work, daemon=True)


@act(leaves=True)
def leaves_a_thread_that_raises(scene: Scene) -> None:
    def work() -> None:
        time.sleep(0.05)
        raise SystemError("a thread of an earlier job fails")

    _start(work, daemon=False)


@act(leaves=True)
def leaves_a_timer(scene: Scene) -> None:
    threading.Timer(0.1, print, ["a timer of an earlier job"]).start()


@act(leaves=True)
def leaves_an_executor(scene: Scene) -> None:
    KEPT.append(ThreadPoolExecutor(2))
    KEPT[-1].submit(time.sleep, 5)


@act()
def uses_an_executor(scene: Scene) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]


@act()
def runs_a_loop(scene: Scene) -> None:
    async def work() -> int:
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(abs, -3)

    assert asyncio.run(work()) == 3


@act(leaves=True)
def leaves_a_loop(scene: Scene) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.call_later(0.1, print, "a loop of an earlier job")
    _start(loop.run_forever, daemon=True)


@act(leaves=True)
def defers_to_a_thread(scene: Scene) -> None:
    from twisted.internet.threads import deferToThread

    KEPT.append(deferToThread(time.sleep, 3))


@act(leaves=True)
def fills_the_reactors_threads(scene: Scene) -> None:
    from twisted.internet import reactor

    for _ in range(40):
        reactor.callFromThread(reactor.callInThread, time.sleep, 1)  # type: ignore[attr-defined]


@act(leaves=True)
def leaves_a_call_of_the_reactor(scene: Scene) -> None:
    from twisted.internet import reactor

    def fail() -> None:
        raise ValueError("a call of an earlier job fails")

    reactor.callFromThread(reactor.callLater, 0.05, fail)  # type: ignore[attr-defined]


@act(leaves=True)
def uses_sqlite(scene: Scene) -> None:
    connection = sqlite3.connect(f"{scene.folder}/a.db")
    with connection:
        connection.execute("create table if not exists a (b)")
        connection.execute("insert into a values (1)")
    assert connection.execute("select max(b) from a").fetchall() == [(1,)]
    KEPT.append(connection)


@act(leaves=True)
def keeps_a_lock(scene: Scene) -> None:
    import logging

    logging.getLogger().debug("")
    threading.RLock().acquire()
