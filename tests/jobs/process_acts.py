"""Jobs that do to their own process what it has to go on after: streams, files, forks, signals."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextlib
import ctypes
import io
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import transaction
from persistent import Persistent

from tests.support.gates import Gate


class Counter(Persistent):
    """Something that tells how often an act was committed."""

    value = 0

    def add_then(self, act: str, *args: Any) -> Any:
        """Count, and do what the function of this name does."""
        self.value += 1
        return globals()[act](*args)


def nothing() -> int:
    """As little as a job can do, but to say where."""
    return os.getpid()


def prints(text: str) -> str:
    """Write to all streams, as they are and as a process of its own has them."""
    print(text)
    print(text, file=sys.stderr, flush=True)
    subprocess.run(["echo", f"{text} of echo"], check=True)
    return sys.stdin.read()


def says(text: str) -> str:
    """Write to both streams, and past them."""
    print(text)
    print(text, file=sys.stderr)
    os.write(1, f"{text}\n".encode())
    return text


# streams


def reads_stdin() -> tuple[str, str]:
    """What a process of this one reads, and what this one does."""
    read = subprocess.run(["cat"], capture_output=True, timeout=20, check=True).stdout
    return read.decode(), sys.stdin.read()


def closes_streams() -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def detaches_streams() -> None:
    sys.stdout.detach()
    sys.stderr.buffer.close()


def rewraps_streams() -> None:
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    sys.stderr = io.TextIOWrapper(sys.stderr.detach(), encoding="latin-1")


def leaves_closed_files() -> None:
    with open(os.devnull, "w") as sys.stdout, open(os.devnull) as sys.stdin:
        sys.stderr = None


def deletes_streams() -> None:
    del sys.stdout, sys.stderr, sys.stdin


def closes_standard_files() -> None:
    os.closerange(0, 3)


def puts_files_over_the_standard_ones() -> None:
    file = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(file, fd)
    os.close(file)


def makes_streams_not_blocking() -> None:
    os.set_blocking(1, False)
    os.set_blocking(2, False)


def closes_the_usual_numbers() -> None:
    """As a programme does that becomes a daemon, by numbers that it takes for its own."""
    for fd in (3, 4, 5):
        with contextlib.suppress(OSError):
            os.close(fd)


def puts_a_file_over_the_usual_numbers() -> None:
    file = os.open(os.devnull, os.O_RDWR)
    for fd in (3, 4, 5):
        os.dup2(file, fd)


def closes_all_files() -> None:
    os.closerange(3, 4096)


def closes_every_file() -> None:
    """The standard ones too: nothing is left to say it with."""
    os.closerange(0, 4096)


def closes_sockets() -> None:
    """Close the connections to the storages among them, and nothing else."""
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.close(int(name))


def closes_all_files_and_goes_on(gate: str) -> None:
    closes_all_files()
    Gate(gate).pass_through()


# threads


def exits_thread() -> None:
    _thread.exit()


class ExitsInReduce:
    """A result whose pickling ends the thread."""

    def __reduce__(self) -> Any:
        raise SystemExit(3)


def returns_what_exits() -> Any:
    return ExitsInReduce()


def is_interrupted_late(gate: str) -> None:
    """Have an exception raised in the job's thread from outside, when the job is over."""
    ident = threading.get_ident()

    def raise_there() -> None:
        Gate(gate).pass_through()
        error = ctypes.py_object(SystemExit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), error)
        Gate(f"{gate}.raised").arrive()

    threading.Thread(target=raise_there, daemon=True).start()


class Unspeakable(BaseException):
    """An exception that cannot be printed, and whose printing ends the thread."""

    def __str__(self) -> str:
        raise SystemExit(4)


def leaves_exit_for_the_report() -> None:
    """End the thread when the job's end is reported."""
    sys.setprofile(_end_report(SystemExit))


def leaves_what_cannot_be_printed() -> None:
    """The same with what cannot be printed, on streams that are closed."""
    sys.setprofile(_end_report(Unspeakable))


def _end_report(kind: type[BaseException]) -> Any:
    def look(frame: Any, event: str, arg: Any) -> None:
        if frame.f_code.co_name == "_report":
            sys.setprofile(None)
            closes_streams()
            raise kind

    return look


def _in_reactor(call: Callable[[], Any]) -> Any:
    from twisted.internet import reactor
    from twisted.internet.threads import blockingCallFromThread

    return blockingCallFromThread(reactor, call)


def stops_reactor() -> None:
    from twisted.internet import reactor

    _in_reactor(reactor.stop)


def crashes_reactor() -> None:
    from twisted.internet import reactor

    _in_reactor(reactor.crash)


def exits_in_main_thread() -> None:
    from twisted.internet import reactor

    reactor.callFromThread(sys.exit, 3)


def leaves_thread_that_is_no_daemon_and_crashes_reactor() -> None:
    threading.Thread(target=time.sleep, args=(600,)).start()
    crashes_reactor()


# forks


def returns_twice() -> str:
    """Fork, and return on both sides."""
    return "parent" if os.fork() else "copy"


def returns_and_raises() -> str:
    if os.fork():
        return "parent"
    raise LookupError("in the copy")


def returns_and_exits() -> int:
    """Fork; the copy ends as programmes do."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.exit(7)


def commits_twice() -> str:
    """Fork, and commit on both sides."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return "parent"
    transaction.commit()
    return "copy"


def forks_in_reactor() -> bool:
    return bool(_in_reactor(os.fork))


def forgets_copy(gate: str) -> str:
    """Fork a copy that sleeps for long, and forget it."""
    if os.fork():
        Gate(gate).pass_through()
        return "parent"
    Gate(gate).arrive()
    time.sleep(600)
    os._exit(0)


def forgets_daemon(gate: str) -> str:
    """Fork twice, as daemons are made, with everything that the child has open."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        Gate(gate).pass_through()
        return "parent"
    os.setsid()
    if os.fork():
        os._exit(0)
    Gate(gate).arrive()
    time.sleep(600)
    os._exit(0)


def starts_process(gate: str) -> int:
    """Start a process of its own, which is none of the copies."""
    with open(os.devnull, "w") as nowhere:
        return subprocess.Popen(["sleep", "600"], stdout=nowhere, stderr=nowhere).pid


# signals


def changes_handlers() -> None:
    """Change handlers of the main thread, where alone that can be done."""

    def change() -> None:
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, _ignore)
        signal.set_wakeup_fd(-1)

    _in_reactor(change)
    signal.alarm(1)


def _ignore(number: int, frame: Any) -> None:
    """Do nothing."""


def sees_handlers() -> list[str]:
    """Which handlers are those of a job."""
    numbers = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
    return [number.name for number in numbers if signal.getsignal(number) is _ignore]


def ignores_deaths() -> None:
    _in_reactor(lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))


# processes of every kind


def _square(number: int) -> int:
    return number * number


def runs_subprocess() -> tuple[int, str]:
    done = subprocess.run(["sh", "-c", "echo said; exit 3"], stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode()


def runs_subprocess_with_preexec() -> str:
    """Python code runs in the copy before it becomes another programme."""
    command = ["sh", "-c", "echo said"]
    done = subprocess.run(command, capture_output=True, check=True, preexec_fn=os.setsid)
    return done.stdout.decode()


def runs_multiprocessing(method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(_square, [1, 2, 3])


def runs_executor(kind: str) -> list[int]:
    with getattr(concurrent.futures, kind)(max_workers=2) as executor:
        return list(executor.map(_square, [1, 2, 3]))


_kept: list[Any] = []


def keeps_executor() -> int:
    """An executor of processes for all the jobs of this child."""
    if not _kept:
        _kept.append(
            concurrent.futures.ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("fork")
            )
        )
    return int(_kept[0].submit(_square, 5).result(timeout=30))


def runs_asyncio() -> tuple[str, int]:
    async def run() -> tuple[str, int]:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "echo said; exit 3", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return out.decode(), int(process.returncode or 0)

    return asyncio.run(run())


def runs_sqlite(path: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("create table if not exists numbers (number integer)")
        database.execute("insert into numbers values (1)")
        return int(database.execute("select count(*) from numbers").fetchone()[0])


def runs_twisted_process() -> str:
    from twisted.internet.utils import getProcessOutput

    return bytes(_in_reactor(lambda: getProcessOutput("/bin/echo", [b"said"]))).decode()


def returns_twisted_process() -> Any:
    """Return the Deferred of a process, made in the reactor."""
    from twisted.internet.utils import getProcessOutputAndValue

    return _in_reactor(lambda: [getProcessOutputAndValue("/bin/sh", ["-c", "exit 3"])])[0]


def changes_in_two_connections(counter: Any) -> None:
    counter._p_jar.db().open().root()["second"] = 1
    counter.value = 1


def returns_forked_twisted_process() -> Any:
    """The same in another directory, for which Twisted forks, and in a reactor that is busy."""
    from twisted.internet import reactor
    from twisted.internet.utils import getProcessOutputAndValue

    def start() -> list[Any]:
        reactor.callLater(0, time.sleep, 0.5)  # so that it ends unseen
        return [getProcessOutputAndValue("/bin/sh", ["-c", "exit 3"], path="/")]

    [deferred] = _in_reactor(start)
    time.sleep(0.2)
    return deferred


def defers_to_thread(gate: str) -> None:
    """Leave a thread of the reactor's pool at work."""
    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    reactor.callFromThread(deferToThread, Gate(gate).pass_through)
