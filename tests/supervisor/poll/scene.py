"""An engine whose poll passes the tests make one by one, and what they find."""

from __future__ import annotations

from tests.support import scenes
from tests.support.scenes import Seconds
from tests.support.sessions import Session
from zcasync import Partial, clock
from zcasync.liveness.death import Death
from zcasync.liveness.watch import Watch
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords

DEATH = Death(pid=7, signal="SIGKILL")


class Scene:
    """An engine's passes, and a client of the same database."""

    def __init__(self, engine: Session, client: Session, seconds: Seconds) -> None:
        self.session, self.client, self.seconds = engine, client, seconds
        self.worker = scenes.serve(engine)
        scenes.fenced(engine, self.worker)
        self.records = EngineRecords(
            engine.connection, engine.manager, self.worker, self.worker.incarnation
        )
        self.renew_passes()

    def renew_passes(self) -> None:
        """The passes of an engine that has made none yet."""
        environment = Environment(seconds=self.seconds, sleep=self.seconds.sleep)
        self.passes = Passes(self.records, Watch(self.seconds), environment)

    def put(self, count: int = 1) -> list[Partial]:
        """The client puts calls; the partials as the engine sees them."""
        self.client.sync()
        oids = [partial._p_oid for partial in scenes.put(self.client, count)]
        self.session.sync()
        return [self.session.connection.get(oid) for oid in oids]

    def run(self, work: PassInput | None = None, **slots: SlotReport) -> PassResult:
        """A pass over slots s0, s1 ..."""
        work = work or PassInput()
        work.slots.update({int(name[1:]): slot for name, slot in slots.items()})
        return self.passes.run(work)

    def reschedule(self, partial: Partial, seconds: int) -> None:
        """What a child does with a job that is to be tried again later."""
        self.client.sync()
        found = self.client.same(partial)
        found._retry_at = clock.now() + seconds * 1_000_000
        self.client.commit()

    def size(self, size: int) -> None:
        self.worker.thread.size = size
        self.session.commit()

    def held(self, slot: int = 0) -> list[Partial]:
        return list(self.worker.thread._lists[slot].items)


def ready(room: int = 0, in_hand: list[Partial] | None = None) -> SlotReport:
    """A slot whose child can take jobs, and has some."""
    oids = frozenset(partial._p_oid for partial in in_hand or [])
    return SlotReport(ready=True, room=room, outstanding=oids)


def completed(
    oids: dict[bytes, Completion], room: int = 0, in_hand: list[Partial] | None = None
) -> SlotReport:
    """The same, whose child has said that these are completed, and when and how."""
    slot = ready(room, in_hand)
    slot.completed = oids
    return slot


def oids(partials: list[Partial]) -> list[bytes]:
    return [partial._p_oid for partial in partials]
