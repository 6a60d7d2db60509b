"""Group commit: what several jobs in one transaction owe to each other, whatever becomes of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.jobs import samples
from tests.support.job_threads import CALLS, Account, Bench, defer
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.child import batches
from zcasync.child.job_queue import Job
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.perform.group_commit import GROUP_LIMIT
from zcasync.protocol.outcomes import Ending


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


def test_a_job_whose_policy_is_missing_waits_alone_and_holds_no_other_up(bench: Bench) -> None:
    partials = bench.claim(*[bench.account.add] * 3)
    partials[1]._retry = "tests.nowhere:policy"
    bench.client.commit()
    bench.run(partials)

    assert [one.state for one in partials] == ["completed", "active", "completed"]
    assert (partials[0].result, partials[2].result) == (1, 2)
    assert (1, Ending.ABSENT) in bench.endings
    assert partials[1].attempts == 0


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
