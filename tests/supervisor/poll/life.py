"""The life of jobs in one process: the real passes, the real job thread, and an operator's undo."""

from __future__ import annotations

import contextlib
from base64 import encodebytes
from collections.abc import Callable
from typing import Any

import transaction
from ZODB import DB
from ZODB.POSException import ConflictError, POSKeyError, UndoError

from tests.jobs import samples
from tests.supervisor.poll.scene import DEATH, Scene
from tests.support.scenes import Seconds
from tests.support.sessions import Session
from zcasync import Partial, clock
from zcasync.child.job_queue import JobQueue
from zcasync.child.job_thread import JobThread
from zcasync.interfaces import COMPLETED
from zcasync.job.completion import is_done
from zcasync.perform.performer import Performer
from zcasync.protocol.outcomes import Completion, Ended, Ending
from zcasync.retry.stock import NeverRetry, RetryCommonForever
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport

#: More passes than any of these lives takes.
ENOUGH = 12
#: The call that counts what was done.
INCREASE = {
    "tests.jobs.samples.Demo.increase",
    "tests.supervisor.poll.life.increase_again",
    "tests.supervisor.poll.life.increase_amid",
    "tests.supervisor.poll.life.increase_in_another",
    "tests.supervisor.poll.life.note_amid",
}
#: What the calls and policies named ``..._amid`` do first, once.
AMID: list[Callable[[], object]] = []
NUMBERS = range(1, 100)


class Life:
    """An engine with one child and a client, whose steps a test takes one by one."""

    def __init__(self, db: DB, seconds: Seconds, room: int = 2) -> None:
        self.db, self.room = db, room
        self.client, self.operator, self.reactor = Session(db), Session(db), Session(db)
        self.scene = Scene(Session(db), self.client, seconds)
        self.jobs = JobQueue()
        self.account = self.client.keep(samples.Demo(), "account")
        self.partials: list[Partial] = []
        self.waiting: list[bytes] = []
        self.outstanding: list[bytes] = []
        self.ended: list[Ended] = []
        self._unretired: dict[bytes, Completion] = {}
        self._for_reactor: list[bytes] = []
        self._cancelled: dict[bytes, str] = {}
        self._news = SlotReport()
        incarnation = self.scene.worker.incarnation
        assert incarnation is not None
        self._manager = transaction.TransactionManager()
        self.thread = JobThread(
            lambda: db,
            incarnation._p_oid,
            self.jobs,
            ready=lambda: None,
            begin=lambda oid, at_once: None,
            ended=self.ended.append,
            watch=lambda oid, deferred: None,
            wait=samples.give_back,
        )
        with self._as_child():
            self.thread.open()
        self.begun = db.lastTransaction()

    @contextlib.contextmanager
    def _as_child(self) -> Any:
        threads = transaction.manager
        before, threads.manager = threads.manager, self._manager
        try:
            yield
        finally:
            threads.manager = before

    # the steps

    def put(self, queue: str = "thread", held: bool = False, **options: Any) -> None:
        """The client puts one more call, in a transaction of its own."""
        self.client.sync()
        call = Partial(self.account.increase)
        self.put_call(call, queue, held, **options)

    def put_call(
        self, call: Partial, queue: str = "thread", held: bool = False, **options: Any
    ) -> None:
        """The same with this call, of a transaction that has begun."""
        after = clock.to_datetime(clock.now() + 3_600_000_000) if held else None
        self.partials.append(self.client.manager.queue(queue).put(call, after, **options))
        self.client.commit()

    def put_with_callback(self) -> None:
        """A call and a callback, each of which counts."""
        self.client.sync()
        call = Partial(self.account.increase)
        self.partials.append(call.addCallback(Partial(increase_again, self.account)))
        self.put_call(call)

    def pass_(self) -> PassResult:
        """A poll pass with all that the child has reported, after the time to retire."""
        self.scene.seconds.advance(1.0)
        slot, self._news = self._news, SlotReport()
        slot.ready, slot.room = True, self.room - len(self.outstanding)
        slot.outstanding = frozenset(self.outstanding)
        slot.completed = dict(self._unretired)
        for ended in self.ended:
            if ended.ending == Ending.COMPLETED:
                slot.completed.update(zip(ended.oids, ended.completions, strict=True))
        self.ended.clear()
        reactor = SlotReport(ready=True, room=2)
        given = PassInput({0: slot}, reactor, cancelled=dict(self._cancelled), has_changes=True)
        result = self.scene.passes.run(given)
        self._unretired = dict(result.unretired.get(0, {}))
        self.outstanding += result.hand_out.slots.get(0, [])
        if result.hand_out.slots:
            self.jobs.add(result.hand_out.slots[0], result.last)
        self._for_reactor = list(result.hand_out.reactor)
        for oid in result.cancelled:
            del self._cancelled[oid]
        return result

    def work(self) -> None:
        """The child performs its next job, with those that share its commit."""
        job = self.jobs.next_now()
        if job is not None:
            with self._as_child():
                self.thread.perform(job)
            for ended in self.ended:
                self.outstanding = [oid for oid in self.outstanding if oid not in ended.oids]

    def give_back(self) -> None:
        """The child gives back what it has not begun."""
        self._news.returned = self.jobs.take_back()
        self.outstanding = [oid for oid in self.outstanding if oid not in self._news.returned]

    def lose_child(self) -> None:
        """The child dies in a job, and another one takes its place."""
        self.jobs.take_back()
        self.outstanding = []
        self._news.deaths.append((DEATH, False))

    def cancel(self) -> None:
        """An operator cancels the jobs."""
        self._cancelled = {partial._p_oid: "an operator" for partial in self.partials}

    def work_in_reactor(self) -> None:
        """The supervisor performs the reactor jobs that a pass has handed out."""
        for oid in self._for_reactor:
            self.reactor.sync()
            partial = self.reactor.connection.get(oid)
            incarnation = self.reactor.same(self.scene.worker.incarnation)
            Performer().perform_claimed(partial, incarnation)
        self._for_reactor = []

    def undo(self, tid: bytes, by: Session | None = None) -> bool:
        """Somebody, an operator unless told, undoes a transaction; whether that is allowed."""
        session = by or self.operator
        session.sync()
        self.db.undo(encodebytes(tid).rstrip(), session.transactions.get())
        try:
            session.commit()
        except (UndoError, ConflictError, POSKeyError):
            session.abort()
            return False
        return True

    def tids(self) -> list[bytes]:
        """The transactions since the life has begun, oldest first."""
        return [tid for tid in all_tids(self.db) if tid > self.begun]

    # in the end

    def come_to_rest(self) -> None:
        """Pass, and work, until there is nothing to do."""
        for _ in range(ENOUGH):
            self.pass_()
            self.work()
            self.work()
            self.work_in_reactor()

    def judge(self, held: bool = False) -> None:
        """Every put that is there was performed once, and nothing is anywhere.

        ``held``: those whose end was undone may wait for their time again.
        """
        self.operator.sync()
        known = [one for one in map(self._found, self.partials) if one is not None]
        for partial in known:
            waits = held and partial in list(partial.queue)
            assert waits or partial.state == COMPLETED, f"{partial!r} is in limbo"
            assert waits or is_done(partial)
        made = [one for one in known if one.callable_name in INCREASE and one.result in NUMBERS]
        assert self.operator.same(self.account).counter == len(made)
        manager = self.operator.manager
        for queue in (manager.thread, manager.reactor):
            assert len(queue) == len(list(queue)) <= held
        worker = self.operator.same(self.scene.worker)
        assert not list(worker.thread)
        assert not list(worker.reactor)
        retired = [one for one in worker.completed if one.queue is not None]
        assert len(retired) == len(set(retired)), "retired twice"

    def _found(self, partial: Partial) -> Partial | None:
        try:
            found: Partial = self.operator.same(partial)
            found._p_activate()
        except POSKeyError:
            return None
        return found


def increase_again(account: samples.Demo, result: Any) -> int:
    """A callback that counts."""
    return account.increase()


def increase_amid(account: samples.Demo, raises: bool) -> int:
    """A call that counts, and in the midst of which something happens; raises that time only."""
    if AMID:
        AMID.pop()()
        if raises:
            raise ValueError("this time")
    return account.increase()


def increase_in_another(account: samples.Demo) -> int:
    """A call that goes on in another transaction than it has begun in, and counts there."""
    if AMID:
        AMID.pop()()
    transaction.begin()
    return account.increase()


def once_amid(partial: Any) -> NeverRetry:
    """A policy under which a call begins once; something happens in the midst of that."""
    if AMID:
        AMID.pop()()
    return NeverRetry(partial)


def forgiving_amid(partial: Any) -> RetryCommonForever:
    """The same, under which a call begins again."""
    if AMID:
        AMID.pop()()
    return RetryCommonForever(partial)


def note_amid(account: samples.Demo, result: Any) -> Any:
    """A callback that counts, and notes with what it was called."""
    if AMID:
        AMID.pop()()
    account.increase()
    return samples.note(result)


def all_tids(db: DB) -> list[bytes]:
    """The transactions of a database, oldest first."""
    storage: Any = db.storage
    return [record.tid for record in storage.iterator()]


Step = Callable[[Life], object]
