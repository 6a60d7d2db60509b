"""The health of the children: every second, their memory and whether a signal has stopped them.

A child that only does not answer is left alone: a job may hold the interpreter's lock for as long
as it likes.  One that a signal has stopped does nothing at all, and the jobs assigned to it wait.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zcasync.instance.settings import Settings
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.children.state import State
from zcasync.text import megabytes

log = Logger()

SAMPLE_SECONDS = 1.0
#: How long a child may take to end when it has nothing to do any more.
LEAVE_SECONDS = 10.0


class Health:
    """Samples ``children()`` every second while it is started, then calls ``sampled()``.

    ``sample(pid)``: the state of a process.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        settings: Settings,
        children: Callable[[], list[Child]],
        sampled: Callable[[], None],
        sample: Callable[[int], ProcessInfo | None] = ProcessInfo.of,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._children = children
        self._sampled = sampled
        self._sample = sample
        self._timer: IDelayedCall | None = None
        self._last = 0.0

    def start(self) -> None:
        """Begin to sample.  Safe to repeat."""
        if self._timer is None:
            self._last = self._reactor.seconds()
            self._timer = self._reactor.callLater(SAMPLE_SECONDS, self._sample_all)

    def stop(self) -> None:
        """Sample no more.  Safe to repeat."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sample_all(self) -> None:
        now = self._reactor.seconds()
        # A pause of this process itself says nothing about how long a child was stopped.
        passed, self._last = min(now - self._last, 2 * SAMPLE_SECONDS), now
        self._timer = self._reactor.callLater(SAMPLE_SECONDS, self._sample_all)
        for child in self._children():
            self._check(child, passed)
        self._sampled()

    def _check(self, child: Child, passed: float) -> None:
        found = self._sample(child.pid)
        if found is None:
            return
        child.note_memory(found.rss, self._last, at_rest=child.state == State.IDLE)
        limit = self._settings.memory_limit
        if limit is not None and found.rss > limit:
            child.kill(
                f"it takes {megabytes(found.rss)}, more than the {megabytes(limit)} of memory-limit"
            )
        elif found.is_stopped:
            self._check_frozen(child, passed)
        elif child.frozen_seconds is not None:
            child.note_continued()
            log.info("child {pid} ({place}) goes on", pid=child.pid, place=child.place)
        elif child.should_be_gone:
            child.note_lingering(passed)
            if child.leaving_seconds >= LEAVE_SECONDS:
                asks = "" if child.threads else ": has a job left a thread that is no daemon?"
                child.kill(f"it has not ended within {LEAVE_SECONDS:g} s after its last job{asks}")

    def _check_frozen(self, child: Child, passed: float) -> None:
        timeout = self._settings.frozen_timeout
        is_new = child.frozen_seconds is None
        frozen = child.note_frozen(passed)
        if is_new:
            log.warn(
                "child {pid} ({place}, job {job}) was stopped by a signal and does nothing: "
                "continue it with kill -CONT {pid}, else it is killed after {timeout:g} s",
                pid=child.pid,
                place=child.place,
                job=child.job_id() or "-",
                timeout=timeout,
            )
        elif frozen >= timeout:
            child.kill(f"a signal had stopped it for {timeout:g} s (frozen-timeout)", within=0.0)

    def check_after_job(self, child: Child) -> None:
        """Sample the memory that a child keeps after a job; not at every one of many short jobs."""
        now = self._reactor.seconds()
        if self._settings.recycle_memory is None or now - child.sampled_at < SAMPLE_SECONDS:
            return
        found = self._sample(child.pid)
        if found is not None:
            child.note_memory(found.rss, now, at_rest=True)
