"""Callables for the tests' jobs: what children and supervisors import."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import transaction
import zope.event
from persistent import Persistent
from twisted.python.failure import Failure

from tests.jobs.samples import TwoArguments
from tests.support.gates import Gate


class Counter(Persistent):
    """Something that jobs change."""

    value = 0

    def add(self, number: int = 1) -> int:
        self.value += number
        return self.value

    def add_and_fail(self, number: int) -> None:
        self.value += number
        raise ValueError(f"after adding {number}")

    def add_and_return_failure(self, number: int) -> Failure:
        self.value += number
        return Failure(ValueError(f"after adding {number}"))

    def add_at_gate(self, gate: str, number: int = 1) -> int:
        """The change is made before the gate and committed after it."""
        self.value += number
        Gate(gate).pass_through()
        return self.value

    def add_slowly(self, seconds: float) -> int:
        """Work for so long, then add one."""
        time.sleep(seconds)
        return self.add()

    def add_and_name_storage(self, number: int) -> tuple[int, str]:
        """Which class of storage the job works with, too."""
        return self.add(number), type(self._p_jar.db().storage).__name__

    def add_and_commit_twice(self) -> int:
        """A job that commits by itself; the last change goes with the result."""
        self.value += 1
        transaction.commit()
        self.value += 10
        transaction.commit()
        self.value += 100
        return self.value


def echo(*args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
    return args, kwargs


def wait_for(partial: Any) -> Any:
    """A job that waits for another one, in its child."""
    return partial.get(timeout=60)


def process() -> tuple[int, int, bool]:
    """Where this runs: pid, process group, whether in the main thread."""
    return os.getpid(), os.getpgid(0), threading.current_thread() is threading.main_thread()


def nothing() -> None:
    """As little as a job can do."""


def pass_gate(gate: str) -> int:
    Gate(gate).pass_through()
    return os.getpid()


def arrive(gate: str, value: Any) -> Any:
    """Leave a trace outside the database for each time that it runs."""
    Gate(gate).arrive()
    return value


def later(value: Any) -> Any:
    """A Deferred that fires with the value after a moment."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.01, lambda: value)


def double(result: Any) -> Any:
    return 2 * result


class Unloadable:
    """Pickles, and cannot be loaded again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("not a number",)


def raise_two_arguments() -> None:
    raise TwoArguments(1, "two")


def raise_text(text: Any, *ignored: Any) -> None:
    """Raise a ValueError with this text."""
    raise ValueError(text)


def raise_heard_of(gate: str) -> None:
    """Raise a ValueError of which a subscriber hears that arrives at the gate and raises too."""

    def hear(event: Any) -> None:
        zope.event.subscribers.remove(hear)
        Gate(gate).arrive()
        raise LookupError("of the subscriber")

    zope.event.subscribers.append(hear)
    raise ValueError("heard of")


def raise_long(length: int) -> None:
    raise ValueError("beginning " + "x" * length + " end")


def raise_exit() -> None:
    raise SystemExit(3)


def return_lock() -> Any:
    return threading.Lock()


def return_unloadable() -> Unloadable:
    return Unloadable()


def return_bytes(length: int) -> bytes:
    return b"x" * length


def print_lines(count: int) -> int:
    for number in range(count):
        print(f"line {number}")
    print("to stderr", file=sys.stderr)
    return count


def exit_at_once(gate: str, code: int) -> None:
    """End the process as no job should; the gate counts how often."""
    Gate(gate).arrive()
    print("last words", flush=True)
    os._exit(code)


def exit_after(result: Any, gate: str) -> None:
    """A callback that ends the process."""
    exit_at_once(gate, 5)


def exit_in_first_process(gate: str, code: int) -> str:
    """End the process the first time, succeed the second."""
    arrived = Gate(gate)
    arrived.arrive()
    if len(arrived.arrivals()) == 1:
        os._exit(code)
    return "second time"


def segfault() -> None:
    ctypes.string_at(0)


def die_with_grandchild(gate: str) -> int:
    """Start a process that leaves our group and keeps our pipes and writes to them, then die."""
    arrived = Gate(gate)
    if not arrived.arrivals():
        grandchild = subprocess.Popen(
            [sys.executable, "-c", "while True: print('x' * 1000, flush=True)"],
            start_new_session=True,
            close_fds=False,
        )
        _note(f"{gate}.pid", grandchild.pid)
        arrived.arrive()
        os._exit(4)
    return os.getpid()


def leave_grandchild(gate: str) -> int:
    """Start a process in our group that holds our pipes, say which, and wait at the gate."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    grandchild = subprocess.Popen(command, close_fds=False)
    _note(f"{gate}.pid", grandchild.pid)
    Gate(gate).pass_through()
    return grandchild.pid


def take_memory(gate: str, megabytes: int) -> int:
    """Take so much memory, and wait with it until the gate is open."""
    Gate(gate).arrive()
    held = b"x" * (megabytes * 2**20)
    Gate(f"{gate}.held").pass_through()
    return len(held)


def hold_lock(gate: str, seconds: float) -> int:
    """Keep the interpreter's lock: no other thread of this process runs meanwhile."""
    Gate(gate).arrive()
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    return os.getpid()


def ignore_signals(gate: str) -> int:
    """Let this process ignore what it can, and wait at the gate."""
    libc = ctypes.CDLL(None)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        libc.signal(number, ctypes.c_void_p(signal.SIG_IGN.value))
    Gate(gate).pass_through()
    return os.getpid()


def _note(path: str, number: int) -> None:
    with open(path, "w") as file:
        file.write(str(number))


async def coroutine(value: Any) -> Any:
    return value


async def add_late(counter: Counter, gate: str) -> None:
    """Change a stored object after the coroutine has waited."""
    await deferred_gate(gate)
    counter.value += 1


def deferred_gate(gate: str) -> Any:
    """A Deferred that fires when the gate is open; the reactor is free meanwhile."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    passage = Gate(gate)
    passage.arrive()

    def look() -> Any:
        return "open" if passage.is_open else deferLater(reactor, 0.02, look)

    return look()


def system_echo(text: str) -> int:
    """Output that does not pass through this process's streams."""
    return subprocess.run(["echo", text], check=True).returncode


def kill_after_arrival(gate: str) -> str:
    """Kill the own process the first three times, in the middle of whatever else is under way."""
    arrived = Gate(gate)
    arrived.arrive()
    if len(arrived.arrivals()) <= 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def eat_memory(count: int) -> None:
    """Take so many bytes, a little at a time, and use them."""
    eaten = []
    while sum(map(len, eaten)) < count:
        eaten.append(b"x" * 2**20)


def raise_interrupt(gate: str) -> None:
    """Raise what otherwise ends processes; the gate counts how often."""
    Gate(gate).arrive()
    raise KeyboardInterrupt


async def raise_interrupt_soon(gate: str) -> None:
    """The same in a coroutine."""
    raise_interrupt(gate)


def note_and_fail(path: str) -> None:
    """Leave a mark outside of the database, and fail."""
    with open(path, "a") as file:
        file.write(".")
    raise ValueError("noted")
