"""A pool of threads of this process in the place of children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from zcasync.liveness.death import Death
from zcasync.supervisor.children.backoff import Backoff
from zcasync.supervisor.children.grace import GracePeriod
from zcasync.supervisor.children.state import WORKING
from zcasync.twisted_engine.threads import ThreadWorker

#: The seconds that idle threads may take to end, after the end of the grace period.
LEAVE_SECONDS = 0.5


class ThreadPool:
    """A pool like :class:`zcasync.supervisor.children.pool.Pool`, with threads for children.

    A subclass may make other workers.
    """

    worker_class: type[ThreadWorker] = ThreadWorker

    def __init__(
        self,
        reactor: Any,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        changed: Callable[[Any], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        self.children: dict[int, ThreadWorker] = {}
        self.size = 0
        self.backoff = Backoff(reactor.seconds)
        self._reactor = reactor
        self._open_databases = open_databases
        self._incarnation = incarnation
        self._changed = changed
        self._died = died
        self._all_gone: Deferred[list[str]] | None = None
        self._timer: Any = None  # for the next try, or for the end behind the grace period
        self._grace = GracePeriod(reactor, self._end_grace)

    @property
    def boot_problem(self) -> str | None:
        """The reason why threads cannot begin; None: they can."""
        return self.backoff.problem

    def _make(self, slot: int) -> ThreadWorker:
        """Return a new worker for a slot."""
        return self.worker_class(
            self._reactor,
            slot,
            self._open_databases,
            self._incarnation,
            self._worker_changed,
            self._child_gone,
        )

    def set_size(self, size: int) -> None:
        """Keep this many threads from now on; surplus ones end after their job."""
        if self._all_gone is not None:
            return
        self.size = size
        self._fill()
        for slot, child in list(self.children.items()):
            if slot >= size:
                child.finish()

    def _fill(self) -> None:
        """Start the missing threads; after a failed attempt, only after a pause."""
        if self._all_gone is not None:
            return
        missing = [slot for slot in range(self.size) if slot not in self.children]
        if missing and self.backoff.wait > 0:
            if self._timer is None or not self._timer.active():
                self._timer = self._reactor.callLater(self.backoff.wait, self._fill)
            return
        for slot in missing:
            self.children[slot] = self._make(slot)

    def ready(self) -> list[ThreadWorker]:
        """Return the threads that can take jobs."""
        return [
            child
            for child in self.children.values()
            if child.state in WORKING and child.slot < self.size
        ]

    def stop(self, grace: float) -> Deferred[list[str]]:
        """Let the threads end their jobs within ``grace`` seconds.  Safe to repeat.

        Fires when no thread is left, or after that time with the ids of the jobs that still run: a
        thread cannot be killed.
        """
        if self._all_gone is None:
            self._all_gone = Deferred()
            self._cancel_timer()
            for child in list(self.children.values()):
                child.finish()
            self._grace.begin(grace)
            self._fire_when_empty()
        return self._all_gone

    def hurry(self, seconds: float) -> None:
        """Let a stop wait for no more than so many seconds from now on."""
        self._grace.hurry(seconds)

    def kill_all(self, reason: str) -> None:
        """Log for each thread with a job why it should be killed: a thread cannot be killed."""
        for child in self.children.values():
            if child.outstanding:
                child.kill(reason)

    def _end_grace(self, reason: str) -> None:
        for child in self.children.values():
            child.drop_deferreds()
        self._timer = self._reactor.callLater(LEAVE_SECONDS, self._leave)

    def _leave(self) -> None:
        """Fire although threads are left, with the ids of their jobs."""
        jobs = [child.job_id() for child in self.children.values()]
        self._fire([job for job in jobs if job is not None])

    def _fire_when_empty(self) -> None:
        if not self.children:
            self._fire([])

    def _fire(self, left: list[str]) -> None:
        if self._all_gone is not None and not self._all_gone.called:
            self._cancel_timer()
            self._grace.end()
            self._all_gone.callback(left)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # what happens to threads

    def _worker_changed(self, child: ThreadWorker) -> None:
        if child.was_ready:
            self.backoff.ends(self._reactor.seconds())
        self._changed(child)

    def _child_gone(self, child: ThreadWorker, death: Death) -> None:
        if self.children.get(child.slot) is not child:
            return
        del self.children[child.slot]
        if death.exit_code != 0:
            self.backoff.failed(f"a thread for jobs has ended: {death.reason}")
        self._died(child.slot, death, child.is_free)
        self._fill()
        self._fire_when_empty()
