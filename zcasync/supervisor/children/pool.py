"""The children: one in each slot, and a spare one that takes the place of a child that ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zcasync.instance.settings import Settings
from zcasync.liveness.death import Death
from zcasync.supervisor.children.backoff import STEADY_SECONDS, Backoff, early_end
from zcasync.supervisor.children.boots import Boots
from zcasync.supervisor.children.child import LAST_STACK_SECONDS, NOT_NEEDED, Child
from zcasync.supervisor.children.generations import Generations, Reload
from zcasync.supervisor.children.grace import GracePeriod
from zcasync.supervisor.children.health import Health
from zcasync.supervisor.children.interfaces import Died
from zcasync.supervisor.children.oom import OutOfMemory
from zcasync.supervisor.children.process_info import ProcessInfo, usable_processors
from zcasync.supervisor.children.recycling import Recycling
from zcasync.supervisor.children.reserve import Reserve
from zcasync.supervisor.children.starting import Starting, not_started
from zcasync.supervisor.children.state import NO_SLOT, WORKING, State

log = Logger()


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
        self.size = 0
        self.generations = Generations(reactor.seconds)
        self._reactor = reactor
        self._starting = Starting(reactor, starter, spec, self._make, self._tend)
        self._settings = settings
        self._changed = changed
        self._died = died
        self._role = role
        self._boots = Boots(reactor, boots, self._tend)
        self._reserve = Reserve()
        self._recycling = Recycling(settings, reactor.seconds)
        self._health = Health(reactor, settings, self.processes, self._sampled, sample)
        self._oom = OutOfMemory()
        self._stopping = False
        self._all_gone: Deferred[None] | None = None
        self._grace = GracePeriod(reactor, partial(self.kill_all, within=LAST_STACK_SECONDS))

    @property
    def spare(self) -> Child | None:
        """The child that takes the place of one that ends; None: there is none now."""
        return self._reserve.spare

    @property
    def backoff(self) -> Backoff:
        """The pause before the next child is started, and the reason for it."""
        return self._starting.backoff

    @property
    def boot_problem(self) -> str | None:
        """The reason why children cannot be started, where they cannot."""
        return self.backoff.problem

    def processes(self) -> list[Child]:
        """Return every child whose process runs, in a slot or not."""
        return [*self.children.values(), *self._reserve.children()]

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

    def reload(self) -> Deferred[Reload]:
        """Replace all children by new ones, one after the other, if a new one can boot.

        Fires when that is known; never with a Failure.
        """
        decided = self.generations.begin()
        if self._stopping:
            self.generations.stop()
            return decided
        self.backoff.forgives()
        self._reserve.drop_trial()  # it may have imported before this
        try:
            self._reserve.trial = self._begun(self._starting.start_now(NO_SLOT))
        except OSError as error:
            self.generations.fail(not_started(error))
        self._tend()
        return decided

    def stop(self, grace: float) -> Deferred[None]:
        """Let the children end their jobs within ``grace`` seconds, then kill them.

        Fires when every process is gone.  Safe to repeat.
        """
        if self._all_gone is not None:
            return self._all_gone if self.processes() else succeed(None)
        self._stopping = True
        self._health.stop()
        self._boots.stop()
        self._starting.stop()
        self.generations.stop()
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
                if self._reserve.usable is None and self._boots.are_enough(self.processes()):
                    break
                self._fill(slot)
        self._replace()
        self._keep_spare()
        self.generations.look(self.processes())

    def _fill(self, slot: int) -> None:
        spare = self._reserve.usable
        if spare is None:
            child = self._start(slot)
            if child is not None:
                self.children[slot] = child
            return
        log.info("child {pid}, the spare, takes slot {slot}", pid=spare.pid, slot=slot)
        self._reserve.take()
        self.children[slot] = spare
        spare.take_slot(slot)
        if spare.state == State.IDLE:
            self._changed(spare)

    def _start(self, slot: int) -> Child | None:
        """Start a child; return None when it is too early for that, or impossible."""
        child = self._starting.start(slot)
        return None if child is None else self._begun(child)

    def _make(self, slot: int) -> Child:
        return Child(
            self._reactor,
            slot,
            boot_timeout=self._settings.boot_timeout,
            output_lines=self._settings.output_lines,
            oom_killed=self._oom.has_killed,
            changed=self._child_changed,
            gone=self._child_gone,
            role=self._role,
            generation=self.generations.newest,
        )

    def _begun(self, child: Child) -> Child:
        self._boots.began(child)
        self._recycling.begin(child)
        self._health.start()
        return child

    def _replace(self) -> None:
        """Let a child whose time has come end, once another is ready to take its place."""
        ready = self._reserve.ready
        has_other = ready is not None and not self._is_spent(ready)
        for one in (self.generations, self._recycling):
            child: Any = one.next_to_go(self.children.values(), has_other=has_other)
            if child is not None:
                child.finish()
                return

    def _is_spent(self, child: Child) -> bool:
        """Return whether a child is to be replaced."""
        return self.generations.is_old(child) or self._recycling.why(child) is not None

    def _keep_spare(self) -> None:
        spare = self.spare
        is_replacing = any(map(self.generations.is_old, self.children.values()))
        is_wanted = self._settings.spare or self._recycling.is_replacing or is_replacing
        if spare is not None and (self.size == 0 or not is_wanted or self._is_spent(spare)):
            self._reserve.drop_spare()
        # Not before every slot has what it needs: a spare must not delay the first job.
        booted = [child for child in self.children.values() if child.was_ready]
        has_none = self.spare is None and self._reserve.trial is None
        if has_none and is_wanted and 0 < self.size <= len(booted):
            self._reserve.spare = self._start(NO_SLOT)

    # what happens to children

    def _child_changed(self, child: Child) -> None:
        has_ended_job = bool(child.ended)
        only_tells = bool(child.notices) and not has_ended_job
        if has_ended_job:
            self.backoff.ends(child.ready_at)
            self._health.check_after_job(child)
        elif child.state in (State.IDLE, State.SPARE):
            self.backoff.eases()
            self.generations.note_ready(child)
            self._reserve.passed(child)
        if child.slot != NO_SLOT:
            self._changed(child)
        if only_tells:
            return  # of a call that has failed: it is as it was
        if not has_ended_job or (not self._recycling.is_replacing and self._is_spent(child)):
            self._tend()

    def _child_gone(self, child: Child, death: Death) -> None:
        idle, is_trial = child.is_free, child is self._reserve.trial
        if (death.exit_code != 0 and death.reason != NOT_NEEDED) or not idle:
            log.warn("{what} ({place})", what=death.summary, place=child.place, job=death.job)
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
            fail = self.generations.fail if is_trial else self.backoff.failed
            fail(problem, death.output)
        self._tend()
        if not self.processes():
            self._health.stop()

    def _forget(self, child: Child) -> None:
        self._recycling.end(child)
        self._reserve.forget(child)
        if child.slot != NO_SLOT:
            del self.children[child.slot]

    def _sampled(self) -> None:
        """Draw the conclusions of a sample of all children, once a second."""
        self._oom.look()
        steady = self._reactor.seconds() - STEADY_SECONDS
        for child in self.processes():
            if child.was_ready and child.ready_at <= steady:
                self.backoff.ends(child.ready_at)
        self._tend()
