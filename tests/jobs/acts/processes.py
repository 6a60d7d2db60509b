"""The processes that a job starts: copies of its own, programs, and those of multiprocessing."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from twisted.internet.threads import blockingCallFromThread

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, End, act

KEPT: list[Any] = []
#: Longer than any test waits for an end.
LONG = 120


@act(forms=CHILD)
def forks_and_returns_from_both(scene: Scene) -> None:
    os.fork()


@act(End.ERROR, error="own error", forms=CHILD)
def forks_and_raises_in_both(scene: Scene) -> None:
    os.fork()
    raise ValueError("the job's own error")


@act()
def forks_and_exits_the_copy(scene: Scene) -> None:
    pid = os.fork()
    if not pid:
        sys.exit(0)


@act()
def forks_and_waits(scene: Scene) -> None:
    pid = os.fork()
    if not pid:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@act()
def forks_a_copy_that_sleeps(scene: Scene) -> None:
    if not os.fork():
        time.sleep(LONG)
        os._exit(0)


@act()
def forks_twice_and_returns(scene: Scene) -> None:
    os.fork()
    os.fork()


def _leave_a_daemon(scene: Scene) -> None:
    """As the textbooks do it, but for the streams."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    scene.note_process(os.getpid())
    time.sleep(LONG)
    os._exit(0)


@act(leaves=True)
def leaves_a_daemon_with_its_streams(scene: Scene) -> None:
    _leave_a_daemon(scene)


def _sleeper(scene: Scene, **options: Any) -> None:
    process = subprocess.Popen(["sleep", str(LONG)], **options)
    scene.note_process(process.pid)
    KEPT.append(process)


@act(leaves=True)
def leaves_a_program(scene: Scene) -> None:
    _sleeper(scene)


@act(leaves=True)
def leaves_a_program_of_its_own_session(scene: Scene) -> None:
    _sleeper(scene, start_new_session=True, close_fds=False)


@act()
def leaves_a_program_that_has_ended(scene: Scene) -> None:
    for _ in range(5):
        subprocess.Popen(["true"]).returncode = 0


@act()
def runs_a_program(scene: Scene) -> None:
    done = subprocess.run(["echo", "said"], capture_output=True, text=True, check=True)
    assert done.stdout == "said\n"


@act()
def reads_its_stdin(scene: Scene) -> None:
    assert os.read(0, 1) == b""
    assert sys.stdin.read() == ""
    done = subprocess.run(["cat"], capture_output=True, timeout=20, check=True)
    assert done.stdout == b""


@act()
def asks_for_a_password(scene: Scene) -> None:
    try:
        input("password? ")
    except EOFError:
        return
    raise AssertionError("somebody has answered")


@act(leaves=True)
def runs_a_program_with_twisted(scene: Scene) -> None:
    from twisted.internet import reactor
    from twisted.internet.utils import getProcessOutput

    def start() -> Any:
        return getProcessOutput("/bin/echo", ["said"]).addTimeout(20, reactor)

    assert blockingCallFromThread(reactor, start) == b"said\n"


def _double(number: int) -> int:
    return 2 * number


def _multiprocess(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=queue.put, args=(6,))
    process.start()
    assert queue.get(timeout=60) == 6
    process.join(60)
    assert process.exitcode == 0


@act(leaves=True)
def spawns_a_process(scene: Scene) -> None:
    _multiprocess("spawn")


@act(leaves=True)
def forks_a_process(scene: Scene) -> None:
    _multiprocess("fork")


@act(leaves=True)
def uses_a_fork_server(scene: Scene) -> None:
    _multiprocess("forkserver")


@act(leaves=True)
def uses_a_pool_of_processes(scene: Scene) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert executor.submit(_double, 3).result(60) == 6


@act(leaves=True)
def leaves_a_pool_of_processes(scene: Scene) -> None:
    KEPT.append(multiprocessing.get_context("spawn").Pool(1))
    assert KEPT[-1].apply(_double, (3,)) == 6


@act(leaves=True)
def leaves_a_forked_process(scene: Scene) -> None:
    process: Any = multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,))
    process.start()
    KEPT.append(process)
