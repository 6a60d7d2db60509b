"""The calls of reactor jobs, made in the reactor's thread for a thread that waits for them."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import transaction
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread
from twisted.logger import Logger

from zcasync.errors import AbortedError, BadStateError
from zcasync.job.callables import is_persistent
from zcasync.job.ids import hex_oid
from zcasync.perform.progress import current
from zcasync.perform.surroundings import OF_A_STEP, Found, kept, kept_in_steps, put_back
from zcasync.perform.time_limit import CallClock

log = Logger()


def start_thread(work: Callable[..., None], oid: bytes, do: Any) -> None:
    """Run ``work(oid, do)`` in a daemon thread: one that hangs must not hold up the exit."""
    threading.Thread(
        target=work, args=(oid, do), name=f"reactor job {hex_oid(oid)}", daemon=True
    ).start()


def log_wait(said: str) -> None:
    """Log what a reactor job has said of its wait for the storage."""
    log.warn("reactor jobs: {said}", said=said)


def named(oids: Iterable[bytes]) -> str:
    """Return these reactor jobs for people."""
    ids = sorted(map(hex_oid, oids))
    return f"reactor job{'s' if len(ids) != 1 else ''} {', '.join(ids)}"


def call_in_reactor(reactor: Any, call: Callable[..., Any], *args: Any) -> Any:
    """As blockingCallFromThread.  Nobody interrupts a thread: what looks like it, the call raises.

    As an AbortedError it is the job's result; else the job's thread would end with nothing stored,
    and the next pass would begin the job anew, for ever.
    """
    try:
        return blockingCallFromThread(reactor, call, *args)
    except (KeyboardInterrupt, GeneratorExit) as error:
        raise AbortedError(f"the call raised {type(error).__name__}") from error


def refuse_to_jobs() -> None:
    """Raise BadStateError where a job runs."""
    if current() is not None:
        raise BadStateError("a reactor job cannot close the database of its supervisor")


def call_with_manager(manager: Any, around: Found, call: Any, args: Any, kwargs: Any) -> list[Any]:
    """Call with the job's transaction as the thread's, so that transaction.get() is the job's.

    ``around``: what the thread of the job has found around it, for the call, and for a coroutine
    until it waits.  What the call changes is put back, and what a coroutine changes whenever it
    awaits.
    """
    threads = transaction.manager
    before = threads.manager
    threads.manager = manager
    try:
        with kept(OF_A_STEP):
            put_back(around)
            value = call(*args, **kwargs)
            if inspect.iscoroutine(value):
                value = Deferred.fromCoroutine(kept_in_steps(value, OF_A_STEP))
        return [value]
    finally:
        threads.manager = before


@contextmanager
def late_call_logged(oid: bytes, ticking: CallClock) -> Iterator[None]:
    """Log where a call that has time limits has gone past one in the reactor: it cannot be stopped.

    What it has returned counts; a Deferred among that is kept to the limits.
    """
    try:
        yield
    finally:
        if ticking.is_cancelled and not ticking.has_told:
            log.warn(
                "reactor job {oid} took {took:.1f} s, longer than it may ({limits}), and could not "
                "be stopped: has it blocked the reactor?",
                oid=hex_oid(oid),
                took=ticking.elapsed,
                limits=ticking.limits.text,
            )


def load(call: Any, *arguments: Any) -> None:
    """Load what the call is made with, so that the reactor need not wait for it."""
    for obj in (getattr(call, "__self__", None), *arguments):
        if is_persistent(obj):
            obj._p_activate()
