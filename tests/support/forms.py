"""The forms in which a call is performed: alone in a thread, in the reactor, in a batch."""

from __future__ import annotations

from typing import Any

from tests.support.scenes import serve
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.perform.group_commit import Group, can_share
from zcasync.perform.performer import Performer
from zcasync.testing.engine import inline_reactor_jobs


class Here:
    """A reactor whose every thread is this one."""

    @staticmethod
    def callFromThread(call: Any, *args: Any) -> None:
        call(*args)


class Form:
    """A worker that performs all that waits in a queue, in one of the forms."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        self.queue = session.manager.reactor if name == "reactor" else session.manager.thread
        self.worker = serve(session)
        self.incarnation = self.worker.incarnation

    def put(self, call: Any) -> Partial:
        """Put a call, and commit."""
        partial: Partial = self.queue.put(call, batch=self.name == "batch")
        self.session.commit()
        return partial

    def run(self, limit: int = 1) -> None:
        """Claim and perform all that waits, and what that puts, ``limit`` at a time."""
        while True:
            self.session.sync()
            claimed = self.queue.claim(self.worker.UUID.bytes, limit).partials
            if not claimed:
                return
            for partial in claimed:
                partial.assign(self.incarnation)
            self.session.commit()
            getattr(self, f"_{self.name}")(claimed)

    def _thread(self, claimed: list[Partial]) -> None:
        for partial in claimed:
            self.session.sync()
            Performer().perform_claimed(partial, self.incarnation)

    def _reactor(self, claimed: list[Partial]) -> None:
        jobs = inline_reactor_jobs(
            Here, self.session.connection.db(), self.incarnation._p_oid, lambda oid: None
        )
        for partial in claimed:
            jobs.start(partial._p_oid)

    def _batch(self, claimed: list[Partial]) -> None:
        performer = Performer()
        group = Group(performer, self.session.transactions)
        alone = []
        for partial in claimed:
            shares = not group.is_closed and can_share(partial, self.incarnation)
            if not shares or not group.add(partial):
                alone.append(partial)
        undone = map(self.session.connection.get, group.commit())
        self._thread([*undone, *alone])
