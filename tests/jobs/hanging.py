"""Reactor jobs that leave something in their process which hangs when that is to end."""

from __future__ import annotations

import atexit
import ctypes
import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.support.gates import Gate

#: Longer than any stop may take.
SECONDS = 600.0
KEPT: list[Any] = []


SLEEP = time.sleep


def _sleep() -> None:
    SLEEP(SECONDS)


def in_pool(gate: str) -> Any:
    """Wait for a thread of the reactor's pool that never comes back, which the reactor joins."""
    Gate(gate).arrive()
    return deferToThread(_sleep)


def in_thread(gate: str) -> None:
    """Leave a thread that is no daemon, which the interpreter joins."""
    threading.Thread(target=_sleep, name="left by the application").start()
    Gate(gate).arrive()


def in_reactor(gate: str) -> None:
    """Block the reactor."""
    Gate(gate).arrive()
    _sleep()


def in_c_code(gate: str) -> None:
    """Block the reactor in a call that no signal interrupts, without the interpreter's lock."""
    Gate(gate).arrive()
    mutex = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def in_expression(gate: str) -> None:
    """Block the reactor in a call that keeps the interpreter's lock."""
    Gate(gate).arrive()
    re.match(r"(a+)+$", "a" * 64 + "b")


def at_exit(gate: str) -> None:
    """Leave a handler of the interpreter's exit that does not end."""
    atexit.register(_sleep)
    Gate(gate).arrive()


class Hanging:
    """An object that takes its time when it goes."""

    def __del__(self) -> None:
        _sleep()


def at_teardown(gate: str) -> None:
    """Leave an object whose end the interpreter waits for when it is almost gone itself."""
    KEPT.append(Hanging())
    Gate(gate).arrive()


def before_shutdown(gate: str) -> None:
    """Leave a trigger of the reactor's shutdown whose Deferred never fires."""
    _at_shutdown(Deferred)
    Gate(gate).arrive()


class Blocking(logging.Handler):
    """A handler whose place to write to takes nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        _sleep()


def in_log(gate: str) -> None:
    """Leave a handler of the log that blocks, and a warning for it in the reactor's shutdown."""
    logging.getLogger().addHandler(Blocking())
    _at_shutdown(lambda: logging.getLogger("application").warning("the end"))
    Gate(gate).arrive()


def never(gate: str) -> Any:
    """Wait for a Deferred that never fires."""
    Gate(gate).arrive()
    return Deferred()


def _at_shutdown(call: Callable[[], Any]) -> None:
    from twisted.internet import reactor

    running: Any = reactor
    running.addSystemEventTrigger("before", "shutdown", call)
