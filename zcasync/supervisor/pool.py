"""The children: as many as the worker's size says, replaced when they die, spared from spinning."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from zcasync.protocol.outcomes import Death
from zcasync.settings import Settings
from zcasync.supervisor.child import Child
from zcasync.supervisor.starter import ChildStarter

log = Logger()

#: A child that dies before it is ready is started again after 0.5 s, 1 s, 2 s ... at most this.
LONGEST_BACKOFF_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5


#: Makes a pool: (engineUUID, oid of the incarnation, changed, died) -> pool.
PoolFactory = Callable[[uuid.UUID, bytes, Callable[[Any], None], Callable[..., None]], Any]


def child_processes(
    reactor: Any, settings: Settings, spec_for: Callable[[bytes], str]
) -> PoolFactory:
    """Makes pools of child processes; ``spec_for(incarnation oid)`` tells them their database."""

    def make(engine: uuid.UUID, incarnation: bytes, changed: Any, died: Any) -> Pool:
        starter = ChildStarter(reactor, str(engine))
        return Pool(reactor, starter, spec_for(incarnation), settings, changed, died)

    return make


class Pool:
    """Keeps a child in each of ``size`` slots.

    ``changed(child)``: a child is ready or has ended a job.  ``died(slot, death, idle)``: the
    process of a slot is gone; ``idle`` when it was at no job, so that none was interrupted.
    """

    def __init__(
        self,
        reactor: Any,
        starter: Any,
        spec_text: str,
        settings: Settings,
        changed: Callable[[Child], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        self.children: dict[int, Child] = {}
        self.size = 0
        self.boot_problem: str | None = None
        self._reactor = reactor
        self._starter = starter
        self._spec_text = spec_text
        self._settings = settings
        self._changed = changed
        self._died = died
        self._retries: dict[int, Any] = {}
        self._backoff = FIRST_BACKOFF_SECONDS
        self._stopping = False
        self._all_gone: Deferred[None] | None = None

    def set_size(self, size: int) -> None:
        """From now on this many children; surplus ones end after their job."""
        if size == self.size or self._stopping:
            return
        log.info("children: {old} -> {new}", old=self.size, new=size)
        self.size = size
        for slot in range(size):
            if slot not in self.children and slot not in self._retries:
                self._start(slot)
        for slot, child in self.children.items():
            if slot >= size:
                child.finish()

    def ready(self) -> list[Child]:
        """The children that can take jobs."""
        return [
            child
            for child in self.children.values()
            if child.state in ("idle", "busy") and child.slot < self.size
        ]

    def stop(self, grace: float) -> Deferred[None]:
        """Let the children end their jobs within ``grace`` seconds, then kill them.

        Fires when every process is gone.  Safe to repeat.
        """
        if self._all_gone is not None:
            return self._all_gone if self.children else succeed(None)
        self._stopping = True
        for retry in self._retries.values():
            retry.cancel()
        self._retries.clear()
        self._all_gone = Deferred()
        if not self.children:
            self._all_gone.callback(None)
            return self._all_gone
        for child in list(self.children.values()):
            child.finish()
        killer = self._reactor.callLater(
            grace, self.kill_all, f"grace period of {grace:g} s is over"
        )

        def done(result: Any) -> Any:
            if killer.active():
                killer.cancel()
            return result

        return self._all_gone.addCallback(done)

    def kill_all(self, reason: str) -> None:
        """Kill every child."""
        for child in list(self.children.values()):
            child.kill(reason)

    def _start(self, slot: int) -> None:
        self._retries.pop(slot, None)
        if self._stopping or slot >= self.size or slot in self.children:
            return
        child = Child(
            self._reactor,
            slot,
            boot_timeout=self._settings.boot_timeout,
            output_lines=self._settings.output_lines,
            changed=self._child_changed,
            gone=self._child_gone,
        )
        self.children[slot] = child
        try:
            child.start(self._starter, self._spec_text)
        except OSError as error:
            del self.children[slot]
            self._retry(slot, f"a child process cannot be started: {error}")
            return
        log.info("child {pid} started in slot {slot}", pid=child.pid, slot=slot)

    def _child_changed(self, child: Child) -> None:
        if child.was_ready:
            self._backoff = FIRST_BACKOFF_SECONDS
            self.boot_problem = None
        self._changed(child)

    def _child_gone(self, child: Child, death: Death) -> None:
        slot = child.slot
        del self.children[slot]
        idle = not child.outstanding and not child.deferred
        if death.exit_code != 0 or not idle:
            log.warn("{what} (slot {slot})", what=death.summary, slot=slot)
        self._died(slot, death, idle)
        if self._stopping:
            if not self.children and self._all_gone is not None and not self._all_gone.called:
                self._all_gone.callback(None)
        elif slot < self.size:
            if child.was_ready:
                self._start(slot)
            else:
                last = death.output[-1] if death.output else "no output"
                self._retry(slot, f"{death.summary} before it was ready: {last}")

    def _retry(self, slot: int, problem: str) -> None:
        self.boot_problem = problem
        log.error("{problem}; next try in {wait} s", problem=problem, wait=self._backoff)
        self._retries[slot] = self._reactor.callLater(self._backoff, self._start, slot)
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF_SECONDS)
