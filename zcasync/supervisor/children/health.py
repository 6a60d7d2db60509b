"""Looks at the children every second: who takes too much memory, who was stopped by a signal.

A child that only does not answer is left alone: a job may hold the interpreter's lock for as long
as it likes.  One that a signal has stopped does nothing at all, and what it has in hand waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from zcasync.instance.settings import Settings
from zcasync.supervisor.children import process_info as vitals
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.text import megabytes

log = Logger()

LOOK_SECONDS = 1.0
#: How long a child may take to end when it has nothing to do any more.
LEAVE_SECONDS = 10.0


class Health:
    """Looks at ``children()`` while it is started, then calls ``looked()``."""

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        children: Callable[[], list[Child]],
        looked: Callable[[], None],
        look: Callable[[int], ProcessInfo | None] = vitals.look,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._children = children
        self._looked = looked
        self._look = look
        self._timer: Any = None
        self._last = 0.0

    def start(self) -> None:
        """Look from now on.  Safe to repeat."""
        if self._timer is None:
            self._last = self._reactor.seconds()
            self._timer = self._reactor.callLater(LOOK_SECONDS, self._look_at_all)

    def stop(self) -> None:
        """Look no more.  Safe to repeat."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_all(self) -> None:
        now = self._reactor.seconds()
        # A pause of this process itself says nothing about how long a child was stopped.
        passed, self._last = min(now - self._last, 2 * LOOK_SECONDS), now
        self._timer = self._reactor.callLater(LOOK_SECONDS, self._look_at_all)
        for child in self._children():
            self._look_at(child, passed)
        self._looked()

    def _look_at(self, child: Child, passed: float) -> None:
        found = self._look(child.pid)
        if found is None:
            return
        child.rss, child.looked_at = found.rss, self._last
        if child.state == "idle":
            child.rss_at_rest = found.rss
        limit = self._settings.memory_limit
        if limit is not None and found.rss > limit:
            child.kill(
                f"it takes {megabytes(found.rss)}, more than the {megabytes(limit)} of memory-limit"
            )
        elif found.is_stopped:
            self._is_frozen(child, passed)
        elif child.frozen_seconds is not None:
            child.frozen_seconds = None
            log.info("child {pid} ({place}) goes on", pid=child.pid, place=child.place)
        elif child.should_be_gone:
            child.leaving_seconds += passed
            if child.leaving_seconds >= LEAVE_SECONDS:
                child.kill(
                    f"it has not ended within {LEAVE_SECONDS:g} s after its last job: "
                    "has a job left a thread that is no daemon?"
                )

    def _is_frozen(self, child: Child, passed: float) -> None:
        timeout = self._settings.frozen_timeout
        if child.frozen_seconds is None:
            child.frozen_seconds = 0.0
            log.warn(
                "child {pid} ({place}, job {job}) was stopped by a signal and does nothing: "
                "continue it with kill -CONT {pid}, else it is killed after {timeout:g} s",
                pid=child.pid,
                place=child.place,
                job=child.job_id() or "-",
                timeout=timeout,
            )
            return
        child.frozen_seconds += passed
        if child.frozen_seconds >= timeout:
            child.kill(f"a signal had stopped it for {timeout:g} s (frozen-timeout)", within=0.0)

    def look_after_job(self, child: Child) -> None:
        """See how much memory a child keeps after a job; not at every one of many short jobs."""
        now = self._reactor.seconds()
        if self._settings.recycle_memory is None or now - child.looked_at < LOOK_SECONDS:
            return
        found = self._look(child.pid)
        if found is not None:
            child.rss = child.rss_at_rest = found.rss
            child.looked_at = now
