"""The ways in which a call, its thread or its process ends."""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import sys
import threading
import time
from typing import NoReturn

from twisted.internet.defer import Deferred

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, EVERY, End, act


@act(End.ERROR, error="own error", forms=EVERY)
def raises(scene: Scene) -> None:
    raise ValueError("the job's own error")


@act(End.ERROR, error="no spool", forms=EVERY)
def raises_no_file(scene: Scene) -> None:
    raise FileNotFoundError(2, "no spool")


@act(End.ERROR, error="refuses", forms=EVERY)
def raises_refused(scene: Scene) -> None:
    raise ConnectionRefusedError(111, "the mail server refuses")


@act(End.ERROR, error="SystemExit", forms=CHILD)
def exits(scene: Scene) -> None:
    sys.exit("the job ends")


@act(End.ERROR, error="SystemExit", forms=CHILD)
def exits_its_thread(scene: Scene) -> None:
    _thread.exit()


@act(End.ERROR, End.CRASH, error="KeyboardInterrupt", forms=CHILD)
def is_interrupted(scene: Scene) -> None:
    raise KeyboardInterrupt


@act(End.ERROR, End.CRASH, error="GeneratorExit", forms=CHILD)
def raises_generator_exit(scene: Scene) -> None:
    raise GeneratorExit


class Odd(BaseException):
    """An exception that is no Exception."""


@act(End.ERROR, error="Odd", forms=CHILD)
def raises_what_is_no_exception(scene: Scene) -> None:
    raise Odd("it is odd")


@act(End.ERROR, error="CancelledError", forms=CHILD)
def raises_cancelled(scene: Scene) -> None:
    import asyncio

    raise asyncio.CancelledError


@act(End.ERROR, error="MemoryError", forms=EVERY)
def raises_memory_error(scene: Scene) -> None:
    raise MemoryError("a job's own")


@act(End.ERROR, error="RecursionError", forms=EVERY)
def recurses(scene: Scene) -> None:
    recurses(scene)


@act(End.ERROR, error="ExceptionGroup", forms=CHILD)
def raises_a_group(scene: Scene) -> None:
    raise ExceptionGroup("several", [OSError("one"), KeyError("two")])


@act(End.CRASH, forms=CHILD)
def exits_its_process(scene: Scene) -> None:
    os._exit(0)


@act(End.CRASH)
def aborts_its_process(scene: Scene) -> None:
    os.abort()


@act(End.CRASH)
def kills_its_process(scene: Scene) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@act(forms=CHILD)
def sends_its_process_the_stop_of_supervisors(scene: Scene) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(os.getpid(), number)
    time.sleep(0.05)


def _throw(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


@act(End.ERROR, error="SystemExit")
def throws_at_its_thread(scene: Scene) -> None:
    _throw(threading.get_ident(), SystemExit)
    time.sleep(0.01)


@act(End.RIGHT, End.ERROR, End.CRASH, error="SystemExit")
def throws_at_its_thread_later(scene: Scene) -> None:
    thread = threading.get_ident()

    def throw() -> None:
        time.sleep(0.02)
        _throw(thread, SystemExit)

    threading.Thread(target=throw, daemon=True).start()


@act(End.CRASH)
def ends_its_thread_in_c(scene: Scene) -> None:
    ctypes.CDLL(None).pthread_exit(None)


@act(End.CRASH)
def stops_the_reactor(scene: Scene) -> None:
    from twisted.internet import reactor

    reactor.callFromThread(reactor.stop)  # type: ignore[attr-defined]
    time.sleep(60)


@act(End.ERROR, error="fired with nothing good")
def returns_a_failing_deferred(scene: Scene) -> NoReturn:
    deferred: Deferred[None] = Deferred()
    deferred.errback(ValueError("left alone"))
    raise ValueError("fired with nothing good")
