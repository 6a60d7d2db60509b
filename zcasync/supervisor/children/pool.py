"""The children: one in each slot, and a spare one that takes the place of a child that ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zcasync.instance.settings import Settings
from zcasync.liveness.death import Death
from zcasync.supervisor.children.backoff import STEADY_SECONDS, Backoff, early_end
from zcasync.supervisor.children.boots import Boots
from zcasync.supervisor.children.child import LAST_STACK_SECONDS, NOT_NEEDED, Child
from zcasync.supervisor.children.grace import GracePeriod
from zcasync.supervisor.children.health import Health
from zcasync.supervisor.children.interfaces import Changed, Died, PoolFactory
from zcasync.supervisor.children.oom import OutOfMemory
from zcasync.supervisor.children.process_info import ProcessInfo, usable_processors
from zcasync.supervisor.children.recycling import Recycling
from zcasync.supervisor.children.starter import ChildStarter
from zcasync.supervisor.children.state import NO_SLOT, WORKING, State
from zcasync.supervisor.children.timers import cancel

log = Logger()


def child_processes(
    reactor: Any, settings: Settings, spec_for: Callable[[bytes], str], role: str = ""
) -> PoolFactory:
    """Return a factory of pools of child processes.

    ``spec_for(incarnation oid)`` describes their databases to each.  ``role``: what they are called
    in the log where they perform no thread jobs.
    """

    def make(engine: uuid.UUID, incarnation: bytes, changed: Changed, died: Died) -> Pool:
        starter = ChildStarter(reactor, str(engine))
        return Pool(
            reactor, starter, lambda: spec_for(incarnation), settings, changed, died, role=role
        )

    return make


class Pool:
    """Keeps a child in each of ``size`` slots; starts no more at once than can boot side by side.

    ``changed(child)``: a child in a slot is ready or has ended a job.  ``died(slot, death, idle)``:
    the process of a slot is gone; ``idle``: it ran no job, so that none was interrupted.
    ``spec()``: what the next child is told of its databases.  ``sample(pid)``: the state of a
    process; ``boots``: so many children may boot at once.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        starter: Any,
        spec: Callable[[], str],
        settings: Settings,
        changed: Callable[[Child], None],
        died: Died,
        sample: Callable[[int], ProcessInfo | None] = ProcessInfo.of,
        boots: int = max(2, usable_processors()),
        role: str = "",
    ) -> None:
        self.children: dict[int, Child] = {}
        self.spare: Child | None = None
        self.size = 0
        self.backoff = Backoff(reactor.seconds)
        self._reactor = reactor
        self._starter = starter
        self._spec = spec
        self._settings = settings
        self._changed = changed
        self._died = died
        self._role = role
        self._boots = Boots(reactor, boots, self._tend)
        self._leaving: list[Child] = []  # spares that are not needed any more
        self._recycling = Recycling(settings, reactor.seconds)
        self._replacing: Child | None = None  # the one that a spare is to replace
        self._health = Health(reactor, settings, self.processes, self._sampled, sample)
        self._oom = OutOfMemory()
        self._retry: IDelayedCall | None = None
        self._stopping = False
        self._all_gone: Deferred[None] | None = None
        self._grace = GracePeriod(reactor, partial(self.kill_all, within=LAST_STACK_SECONDS))

    @property
    def boot_problem(self) -> str | None:
        """The reason why children cannot be started, where they cannot."""
        return self.backoff.problem

    def processes(self) -> list[Child]:
        """Return every child whose process runs, in a slot or not."""
        spare = [] if self.spare is None else [self.spare]
        return [*self.children.values(), *spare, *self._leaving]

    def ready(self) -> list[Child]:
        """Return the children that can take jobs."""
        return [
            child
            for child in self.children.values()
            if child.state in WORKING and child.slot < self.size and child.frozen_seconds is None
        ]

    def set_size(self, size: int) -> None:
        """Have so many children from now on; surplus ones end after their job."""
        if size == self.size or self._stopping:
            return
        log.info("{role}: {old} -> {new}", role=self._role or "children", old=self.size, new=size)
        self.size = size
        for slot, child in self.children.items():
            if slot >= size:
                child.finish()
        self._tend()

    def stop(self, grace: float) -> Deferred[None]:
        """Let the children end their jobs within ``grace`` seconds, then kill them.

        Fires when every process is gone.  Safe to repeat.
        """
        if self._all_gone is not None:
            return self._all_gone if self.processes() else succeed(None)
        self._stopping = True
        self._health.stop()
        self._boots.stop()
        cancel(self._retry)
        self._all_gone = Deferred()
        if self.processes():
            self._grace.begin(grace)
        else:
            self._all_gone.callback(None)
        for child in self.processes():
            child.finish()
        return self._all_gone

    def hurry(self, seconds: float) -> None:
        """Let a stop kill after so many seconds what then has not ended."""
        self._grace.hurry(seconds)

    def kill_all(self, reason: str, *, within: float = 0.0) -> None:
        """Kill every child; see Child.kill."""
        for child in self.processes():
            child.kill(reason, within=within)

    # as it should be

    def _tend(self) -> None:
        """Fill the slots, replace a child whose time has come, keep a spare."""
        if self._stopping:
            return
        for slot in range(self.size):
            if slot not in self.children:
                if self._usable_spare is None and self._boots.are_enough(self.processes()):
                    break
                self._fill(slot)
        self._recycle()
        self._keep_spare()

    @property
    def _usable_spare(self) -> Child | None:
        spare = self.spare
        return None if spare is None or spare.frozen_seconds is not None else spare

    def _fill(self, slot: int) -> None:
        spare = self._usable_spare
        if spare is None:
            child = self._start(slot)
            if child is not None:
                self.children[slot] = child
            return
        log.info("child {pid}, the spare, takes slot {slot}", pid=spare.pid, slot=slot)
        self.spare = None
        self.children[slot] = spare
        spare.take_slot(slot)
        if spare.state == State.IDLE:
            self._changed(spare)

    def _start(self, slot: int) -> Child | None:
        """Start a child; return None when it is too early for that, or impossible."""
        if self.backoff.wait > 0:
            self._try_later()
            return None
        child = Child(
            self._reactor,
            slot,
            boot_timeout=self._settings.boot_timeout,
            output_lines=self._settings.output_lines,
            oom_killed=self._oom.has_killed,
            changed=self._child_changed,
            gone=self._child_gone,
            role=self._role,
        )
        try:
            child.start(self._starter, self._spec())
        except OSError as error:
            self.backoff.failed(f"a child process cannot be started: {error}")
            self._try_later()
            return None
        log.info("child {pid} started ({place})", pid=child.pid, place=child.place)
        self._boots.began(child)
        self._recycling.begin(child)
        self._health.start()
        return child

    def _try_later(self) -> None:
        if self._retry is None or not self._retry.active():
            self._retry = self._reactor.callLater(self.backoff.wait, self._tend)

    def _recycle(self) -> None:
        """Let one child whose time has come end, once another is ready to take its place."""
        if self._replacing is None:
            working = [one for one in self.children.values() if one.state in WORKING]
            due = [child for child in working if self._recycling.why(child) is not None]
            self._replacing = due[0] if due else None
        child, spare = self._replacing, self.spare
        if child is None or child.state not in WORKING:
            return
        why = self._recycling.why(child)
        if why is not None and spare is not None and spare.state == State.SPARE:
            which = f"child {child.pid} ({child.place})"
            log.info("{which} is replaced: {why}", which=which, why=why)
            child.finish()

    def _keep_spare(self) -> None:
        spare = self.spare
        is_wanted = self._settings.spare or self._replacing is not None
        if spare is not None and (
            self.size == 0 or not is_wanted or self._recycling.why(spare) is not None
        ):
            self._leaving.append(spare)
            self.spare = None
            spare.finish()
        # Not before every slot has what it needs: a spare must not delay the first job.
        booted = [child for child in self.children.values() if child.was_ready]
        if self.spare is None and is_wanted and 0 < self.size <= len(booted):
            self.spare = self._start(NO_SLOT)

    # what happens to children

    def _child_changed(self, child: Child) -> None:
        has_ended_job = bool(child.ended)
        only_tells = bool(child.notices) and not has_ended_job
        if has_ended_job:
            self.backoff.ends(child.ready_at)
            self._health.check_after_job(child)
        elif child.state in (State.IDLE, State.SPARE):
            self.backoff.eases()
        if child.slot != NO_SLOT:
            self._changed(child)
        if only_tells:
            return  # of a call that has failed: it is as it was
        if not has_ended_job or (
            self._replacing is None and self._recycling.why(child) is not None
        ):
            self._tend()

    def _child_gone(self, child: Child, death: Death) -> None:
        idle = child.is_free
        if (death.exit_code != 0 and death.reason != NOT_NEEDED) or not idle:
            log.warn("{what} ({place})", what=death.summary, place=child.place)
        self._forget(child)
        if child.slot != NO_SLOT:
            self._died(child.slot, death, idle)
        if self._stopping:
            if not self.processes() and self._all_gone is not None and not self._all_gone.called:
                self._grace.end()
                self._all_gone.callback(None)
            return
        problem = early_end(child, death, self._reactor.seconds())
        if problem is not None:
            self.backoff.failed(problem, death.output)
        self._tend()
        if not self.processes():
            self._health.stop()

    def _forget(self, child: Child) -> None:
        self._recycling.end(child)
        if child is self._replacing:
            self._replacing = None
        if child is self.spare:
            self.spare = None
        elif child in self._leaving:
            self._leaving.remove(child)
        else:
            del self.children[child.slot]

    def _sampled(self) -> None:
        """Draw the conclusions of a sample of all children, once a second."""
        self._oom.look()
        steady = self._reactor.seconds() - STEADY_SECONDS
        for child in self.processes():
            if child.was_ready and child.ready_at <= steady:
                self.backoff.ends(child.ready_at)
        self._tend()
