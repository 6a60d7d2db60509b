"""Fake children: they perform jobs with the real code, one at a time, whenever they are told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import transaction
from twisted.internet.defer import Deferred, succeed

from tests.simulation.jobs import Crash
from zcasync.attachment import Attachment
from zcasync.child.together import ending_of
from zcasync.claimed import perform_claimed
from zcasync.errors import FencedError
from zcasync.performing import Performer
from zcasync.protocol.outcomes import Death, Ending
from zcasync.supervisor.in_hand import InHand

if TYPE_CHECKING:
    from tests.simulation.supervisors import Supervisor

#: How long a job takes, as children say: some are reserved ahead.
JOB_SECONDS = 0.04


def again_at_once(error: Exception) -> None:
    """The storage is back already."""


class SimulatedChild(InHand):
    """A child in a slot of a supervisor.  What it says arrives when the supervisor next listens."""

    def __init__(
        self,
        supervisor: Supervisor,
        slot: int,
        incarnation: bytes,
        changed: Callable[[Any], None],
        gone: Callable[[SimulatedChild, Death], None],
    ) -> None:
        super().__init__(supervisor.reactor, slot)
        self.supervisor = supervisor
        self.world = supervisor.world
        self.machine, self.offset = supervisor.machine, supervisor.offset
        self.transactions = transaction.TransactionManager()
        self.jobs: deque[bytes] = deque()
        self.current: bytes | None = None
        self.is_gone = self.is_frozen = False
        self.is_doomed = False  # it was killed while it is at work
        self.pid = self.world.new_pid()
        self._attachment: Attachment | None = None
        self._incarnation = incarnation
        self._changed = changed
        self._gone = gone
        self.world.children.append(self)
        supervisor.post(self._ready)

    # what the supervisor does

    def _ready(self) -> None:
        if self.state == "booting":
            self.note_ready()
            self._changed(self)

    def perform(self, oids: list[bytes]) -> None:
        self.note_given(oids)
        if not self.is_gone:
            self.jobs.extend(oids)

    def take_back(self) -> Deferred[list[bytes]]:
        if self.is_gone:
            return Deferred()  # its death will tell
        taken = list(self.jobs)
        self.jobs.clear()
        self.note_returned(taken)
        return succeed(taken)

    def finish(self) -> None:
        if self.state == "booting":
            self.kill("not needed any more")
        elif self.state in ("idle", "busy") and not self.is_gone:
            self.move_to("stopping")
            taken = list(self.jobs)
            self.jobs.clear()
            self.note_returned(taken)
            self.given_back += taken
            self._changed(self)
            self._leave_when_done()

    def kill(self, reason: str) -> None:
        if self.state not in ("gone", "stopping"):
            self.move_to("stopping")
        self.die(Death(pid=self.pid, signal="SIGKILL", reason=reason))

    # what the child does

    @property
    def can_work(self) -> bool:
        """Whether there is a job for it to begin or to end."""
        return (
            not self.is_gone
            and not self.is_frozen
            and (self.current is not None or bool(self.jobs))
        )

    def begin(self) -> None:
        """Begin the next job: from now on it cannot be taken back."""
        if self.current is None and self.jobs:
            self.current = self.jobs.popleft()

    def work(self) -> None:
        """Perform the next job, or die of it."""
        self.begin()
        oid = self.current
        assert oid is not None
        with self.world.acting(self):
            try:
                ending, moment = self._perform(oid)
            except Crash:
                self.transactions.abort()
                self.die(Death(pid=self.pid, signal="SIGKILL"), at_work=True)
                return
        self.current = None
        if not self.is_gone:
            self.supervisor.post(self._ended, oid, ending, moment)
            self._leave_when_done()

    def _perform(self, oid: bytes) -> tuple[Ending, int]:
        if self._attachment is None:
            self._attachment = Attachment(self.world.db, self._incarnation, self.transactions)
        performer = Performer(again_at_once, detach=self._attachment.detach)
        self.transactions.begin()
        try:
            partial = self._attachment.connection.get(oid)
            did = perform_claimed(partial, self._attachment.incarnation, performer)
        except FencedError:
            ending = Ending.FENCED
        except Exception as error:  # as a child does: the supervisor tries again
            self.world.failed(f"child {self.pid}", error)
            ending = Ending.STORAGE
        else:
            ending = ending_of(partial) if did else Ending.SKIPPED
        moment = (partial._ended or 0) if ending == Ending.COMPLETED else 0
        self.transactions.abort()
        return ending, moment

    def _ended(self, oid: bytes, ending: Ending, moment: int) -> None:
        if ending == Ending.COMPLETED:
            self.note_completed([oid], [moment])
        self.note_ended(oid, ending, JOB_SECONDS, "")
        self._changed(self)

    def _leave_when_done(self) -> None:
        if self.state == "stopping" and self.current is None:
            self.die(Death(pid=self.pid, exit_code=0))

    def leave(self) -> None:
        """Its supervisor is gone, so it leaves, unless it is frozen."""
        if not self.is_frozen:
            self.die(Death(pid=self.pid, exit_code=0))

    def die(self, death: Death, at_work: bool = False) -> None:
        """End the process; one that is at work in this moment ends at its next commit."""
        if self.is_gone:
            return
        self.is_gone = True
        self.is_doomed = not at_work and self.world.is_acting(self)
        self.jobs.clear()
        self.current = None
        if self.supervisor.is_alive and (self.outstanding or death.signal):
            # An idle one may be given a job before its supervisor hears that it is gone.
            self.world.deaths += 1
        self.world.children.remove(self)
        if not self.is_doomed:
            self.transactions.abort()
        self.supervisor.post(self._exited, death)

    def _exited(self, death: Death) -> None:
        self.move_to("gone")
        self._gone(self, death)


class SimulatedPool:
    """The same as :class:`zcasync.supervisor.pool.Pool`, with simulated children."""

    boot_problem = None

    def __init__(
        self,
        supervisor: Supervisor,
        incarnation: bytes,
        changed: Callable[[Any], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        self.children: dict[int, SimulatedChild] = {}
        self.size = 0
        self._make = lambda slot: SimulatedChild(
            supervisor, slot, incarnation, changed, self._child_gone
        )
        self._died = died
        self._reactor = supervisor.reactor
        self._all_gone: Deferred[None] | None = None

    def set_size(self, size: int) -> None:
        if self._all_gone is not None:
            return
        self.size = size
        for slot in range(size):
            if slot not in self.children:
                self.children[slot] = self._make(slot)
        for slot, child in list(self.children.items()):
            if slot >= size:
                child.finish()

    def ready(self) -> list[SimulatedChild]:
        return [
            child
            for child in self.children.values()
            if child.state in ("idle", "busy") and child.slot < self.size
        ]

    def stop(self, grace: float) -> Deferred[None]:
        if self._all_gone is None:
            self._all_gone = Deferred()
            for child in list(self.children.values()):
                child.finish()
            self._reactor.callLater(grace, self.kill_all, "grace period is over")
            self._fire_when_empty()
        return self._all_gone

    def kill_all(self, reason: str) -> None:
        for child in list(self.children.values()):
            child.kill(reason)

    def _child_gone(self, child: SimulatedChild, death: Death) -> None:
        del self.children[child.slot]
        self._died(child.slot, death, not child.outstanding and not child.deferred)
        if self._all_gone is None and child.slot < self.size:
            self.children[child.slot] = self._make(child.slot)
        self._fire_when_empty()

    def _fire_when_empty(self) -> None:
        if self._all_gone is not None and not self.children and not self._all_gone.called:
            self._all_gone.callback(None)
