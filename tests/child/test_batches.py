"""Group commit: what several jobs in one transaction owe to each other, whatever becomes of one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import transaction
from persistent import Persistent
from twisted.internet.defer import Deferred, succeed
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.MappingStorage import MappingStorage
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.child import batches
from zcasync.child.job_queue import Job, JobQueue
from zcasync.child.job_thread import JobThread
from zcasync.database import waiting as storage_wait
from zcasync.datamanager import install
from zcasync.errors import MissingPolicy
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.perform.group_commit import GROUP_LIMIT
from zcasync.protocol.outcomes import Ending
from zcasync.workers.claims import SizedSequence
from zcasync.workers.incarnation import Incarnation


class Account(Persistent):
    """The object that the jobs of these tests change."""

    value = 0

    def add(self, number: int = 1) -> int:
        self.value += number
        return self.value

    def add_and_raise(self) -> None:
        self.value += 100
        raise ValueError("after the change")

    def add_and_return(self, value: Any) -> Any:
        self.value += 1
        return value

    def add_lock(self) -> None:
        """Leave something that cannot be stored, and return."""
        self.lock = samples.NotPicklable()

    def add_and_commit(self) -> int:
        self.value += 10
        transaction.commit()
        self.value += 10
        return self.value

    def add_commit_and_raise(self) -> None:
        self.value += 10
        transaction.commit()
        self.value += 10
        raise ValueError("after a commit")

    def add_and_abort(self) -> None:
        self.value += 10
        transaction.abort()

    def conflict_once(self) -> int:
        CALLS.append("conflict")
        if len(CALLS) == 1:
            raise ConflictError
        return self.add()


CALLS: list[Any] = []


def defer(fired: bool) -> Any:
    """A Deferred that has fired, or one that is left in CALLS."""
    CALLS.append(succeed("now") if fired else Deferred())
    return CALLS[-1]


class Storage(MappingStorage):
    """Counts commits; can lose its client's connection at the next one, before or after it."""

    lose: str | None = None
    commits = 0

    def tpc_finish(self, transaction: Any, func: Any = lambda tid: None) -> Any:
        lose, self.lose = self.lose, None
        if lose == "before":
            raise ClientDisconnected("before it was stored")
        self.commits += 1
        tid = super().tpc_finish(transaction, func)
        if lose == "after":
            raise ClientDisconnected("after it was stored")
        return tid


class Bench:
    """A child's job thread without the thread, and a client beside it."""

    def __init__(self, db: DB, storage: Storage) -> None:
        self.storage = storage
        self.client = Session(db)
        install(self.client.connection)
        self.account = self.client.root["account"] = Account()
        self.incarnation = Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here())
        self.incarnation.claims = SizedSequence(1)
        self.client.connection.add(self.incarnation)
        self.client.commit()
        self.jobs = JobQueue()
        self.begun: list[bytes] = []
        self.endings: list[tuple[int, Ending]] = []
        self.watched: list[tuple[bytes, Any]] = []
        self._thread = JobThread(
            lambda: db,
            self.incarnation._p_oid,
            self.jobs,
            ready=lambda: None,
            begin=lambda oid, is_one_of_several: self.begun.append(oid),
            ended=lambda ended: self.endings.append((len(ended.oids), ended.ending)),
            watch=lambda oid, deferred: self.watched.append((oid, deferred)),
            wait=samples.give_back,
        )

    def claim(self, *calls: Any, batch: bool = True) -> list[Partial]:
        """Claimed partials of these calls; the last change of the client's."""
        partials = [self.client.queue.put(call, batch=batch) for call in calls]
        self.client.commit()
        self.client.claim()
        for partial in partials:
            partial.assign(self.incarnation)
        self.incarnation.claims.lists(1)[0].items += tuple(partials)
        self.client.commit()
        return partials

    def run(self, partials: list[Partial]) -> int:
        """Perform them; how many commits that took."""
        self.storage.commits = 0
        self.jobs.add([partial._p_oid for partial in partials])
        self.jobs.finish()
        self._thread.run()
        self.client.sync()
        return self.storage.commits


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    CALLS.clear()
    monkeypatch.setattr(storage_wait, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(batches, "GROUP_SECONDS", 60.0)  # the machine may be busy
    storage = Storage()
    db = DB(storage)
    made = Bench(db, storage)
    yield made
    transaction.abort()
    made.client.close()
    db.close()


def results(partials: list[Partial]) -> list[Any]:
    assert {partial.state for partial in partials} == {COMPLETED}
    return [partial.result for partial in partials]


def test_several_jobs_share_a_commit_and_each_has_its_result(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 5)

    assert bench.run(partials) == 1
    assert results(partials) == [1, 2, 3, 4, 5]
    assert bench.account.value == 5
    assert bench.endings == [(5, Ending.COMPLETED)]
    assert bench.begun == [partial._p_oid for partial in partials]
    assert {partial.attempts for partial in partials} == {1}


def test_jobs_that_did_not_ask_to_share_are_committed_alone(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 3, batch=False)

    assert bench.run(partials) == 3
    assert results(partials) == [1, 2, 3]


def test_a_job_that_cannot_share_ends_the_group_and_keeps_its_place(bench: Bench) -> None:
    shared = bench.claim(*[bench.account.add] * 4)
    [alone] = bench.claim(bench.account.add, batch=False)
    order = [*shared[:2], alone, *shared[2:]]

    assert bench.run(order) == 3
    assert results(order) == [1, 2, 3, 4, 5]


def test_a_job_that_comes_while_a_group_runs_belongs_to_the_next_group(bench: Bench) -> None:
    """It is newer than all that the group's transaction can see."""
    late: list[Partial] = []

    def claim_another(call: Any, *args: Any, **kwargs: Any) -> Any:
        if not late:
            bench.client.sync()
            late.extend(bench.claim(bench.account.add))
            bench.jobs.add([late[0]._p_oid])
        return call(*args, **kwargs)

    partials = bench.claim(*[bench.account.add] * 2)
    performer = bench._thread._performer
    performer.host = replace(performer.host, invoke=claim_another)

    bench.run(partials)
    assert results([*partials, *late]) == [1, 2, 3]
    assert bench.endings == [(2, Ending.COMPLETED), (1, Ending.COMPLETED)]


def test_a_job_that_comes_when_the_storage_goes_away_keeps_its_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    partials = bench.claim(*[bench.account.add] * 2)
    partial_of = batches.JobBatch._partial

    def lost(self: batches.JobBatch, job: Job) -> Any:
        if job.oid == partials[1]._p_oid:
            raise ClientDisconnected("while its record was asked for")
        return partial_of(self, job)

    monkeypatch.setattr(batches.JobBatch, "_partial", lost)
    bench.jobs.add([partial._p_oid for partial in partials])
    bench._thread.open()
    job = bench.jobs.next()
    assert job is not None
    bench._thread.perform(job)

    assert bench.endings == [(1, Ending.STORAGE)]
    assert bench.jobs.waiting() == [partials[1]._p_oid]


def test_a_job_whose_policy_is_missing_fails_alone_and_holds_no_other_up(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 3)
    partials[1]._retry = "tests.nowhere:policy"
    bench.client.commit()
    bench.run(partials)

    first, failure, last = results(partials)
    assert (first, last) == (1, 2)
    assert failure.check(MissingPolicy)


def test_a_group_has_a_limit(bench: Bench) -> None:
    partials = bench.claim(*[samples.nothing] * (GROUP_LIMIT + 1))

    assert bench.run(partials) == 2


def test_a_group_has_its_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "GROUP_SECONDS", -1.0)
    partials = bench.claim(*[samples.nothing] * 3)

    assert bench.run(partials) == 3


def test_a_job_that_raises_is_rolled_back_and_run_alone(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, account.add_and_raise, account.add)

    assert bench.run(partials) == 2
    assert [partial.state for partial in partials] == [COMPLETED] * 3
    assert [partials[0].result, partials[2].result] == [1, 2]
    assert partials[1].result.type is ValueError
    assert account.value == 2


def test_a_job_whose_result_cannot_be_stored_spoils_no_other(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, Partial(samples.unpicklable), account.add)

    assert bench.run(partials) == 2
    assert [partials[0].result, partials[2].result] == [1, 2]
    assert "cannot be" in partials[1].result.getErrorMessage()


def test_a_job_that_leaves_what_cannot_be_stored_spoils_no_other(bench: Bench) -> None:
    other = bench.client.keep(Account(), "other")
    partials = bench.claim(bench.account.add, other.add_lock, bench.account.add)

    bench.run(partials)
    assert [partials[0].result, partials[2].result] == [1, 2]
    assert partials[1].result.check(TypeError, "zcasync.errors.UnstorableError")
    assert bench.account.value == 2


def test_a_job_that_conflicts_is_run_alone(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, account.conflict_once, account.add)

    assert bench.run(partials) == 2
    assert sorted(results(partials)) == [1, 2, 3]
    assert account.value == 3


def test_a_conflict_of_the_commit_lets_each_job_run_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    partials = bench.claim(*[bench.account.add] * 3, samples.nothing)

    def meanwhile() -> None:
        if not CALLS:
            CALLS.append("meanwhile")
            other = Session(bench.client.connection.db())
            other.root["account"].add(100)
            other.commit()
            other.close()

    monkeypatch.setattr(samples, "nothing", meanwhile)
    assert bench.run(partials) == 5  # the other client's, and four alone
    assert results(partials)[:3] == [101, 102, 103]
    assert bench.account.value == 103


@pytest.mark.parametrize("lose", ["before", "after"])
def test_a_commit_in_doubt_is_looked_up(bench: Bench, lose: str) -> None:
    partials = bench.claim(*[bench.account.add] * 3)
    bench.storage.lose = lose

    bench.run(partials)
    assert results(partials) == [1, 2, 3]
    assert bench.account.value == 3


def test_a_job_that_commits_by_itself_takes_those_before_it_along(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, account.add_and_commit, account.add)

    bench.run(partials)
    assert results(partials) == [1, 21, 22]
    assert account.value == 22


def test_a_job_that_raises_after_a_commit_of_its_own_is_not_called_again(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, account.add_commit_and_raise, account.add)

    bench.run(partials)
    assert [partials[0].result, partials[2].result] == [1, 12]
    assert partials[1].result.type is ValueError
    assert account.value == 12


def test_a_job_that_aborts_takes_nothing_from_those_before_it(bench: Bench) -> None:
    account = bench.account
    partials = bench.claim(account.add, account.add_and_abort, account.add)

    bench.run(partials)
    assert partials[1].result is None
    assert sorted([partials[0].result, partials[2].result]) == [1, 2]
    assert account.value == 2


def test_a_returned_partial_is_waited_for(bench: Bench) -> None:
    inner = bench.client.queue.put(samples.nothing)
    partials = bench.claim(Partial(bench.account.add_and_return, inner), bench.account.add)

    bench.run(partials)
    assert partials[0].state == ACTIVE
    assert partials[0]._waits_for is inner
    assert partials[1].result == 2
    assert bench.endings == [(1, Ending.SETTLED), (1, Ending.COMPLETED)]


def test_a_deferred_is_watched_once_its_start_is_committed(bench: Bench) -> None:
    partials = bench.claim(Partial(defer, False), Partial(defer, True), bench.account.add)

    assert bench.run(partials[1:]) == 1
    assert results(partials[1:]) == ["now", 1]


def test_a_deferred_that_has_not_fired_is_settled_later(bench: Bench) -> None:
    partials = bench.claim(bench.account.add, Partial(defer, False))
    fire = bench.jobs.add_fired
    bench._thread._watch = lambda oid, deferred: fire(oid, "later")

    bench.run(partials)
    assert results(partials) == [1, "later"]
    assert bench.endings == [(1, Ending.COMPLETED), (1, Ending.DEFERRED), (1, Ending.COMPLETED)]


def test_callbacks_are_run(bench: Bench) -> None:
    partial = Partial(bench.account.add)
    partials = bench.claim(partial, bench.account.add)
    callback = partial.addCallback(samples.echo)
    bench.client.commit()

    bench.run(partials)
    assert sorted(results(partials)) == [1, 2]
    assert callback.state == COMPLETED


def test_a_job_that_was_interrupted_before_runs_alone(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 3)
    partials[0]._interruptions = 1
    bench.client.commit()

    assert bench.run(partials) == 2


def test_a_group_commits_nothing_when_the_engine_was_buried(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 3)
    bench.incarnation.end("buried")
    bench.client.commit()

    assert bench.run(partials) == 0
    assert {partial.state for partial in partials} == {ACTIVE}
    assert bench.account.value == 0
    assert {ending for _, ending in bench.endings} == {Ending.FENCED}
