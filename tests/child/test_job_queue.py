"""The jobs that wait in a child, between its two threads."""

from __future__ import annotations

import threading

import pytest

from zcasync.child.job_queue import Job, JobQueue

A, B, C, D, E = b"a", b"b", b"c", b"d", b"e"
TID = b"\0" * 8


@pytest.fixture
def jobs() -> JobQueue:
    return JobQueue()


class Waiting:
    """The job's thread, which waits for the next job."""

    def __init__(self, jobs: JobQueue) -> None:
        self.found: list[Job | None] = []
        self._thread = threading.Thread(target=lambda: self.found.append(jobs.next()), daemon=True)
        self._thread.start()

    @property
    def next(self) -> Job | None:
        """What it got."""
        self._thread.join(10)
        assert self.found, "the thread still waits"
        return self.found[0]


def test_jobs_come_in_the_order_they_were_given(jobs: JobQueue) -> None:
    jobs.add([A, B])
    jobs.add([C])

    assert [jobs.next() for _ in range(3)] == [Job(A), Job(B), Job(C)]


def test_a_waiting_thread_gets_what_is_added(jobs: JobQueue) -> None:
    waiting = Waiting(jobs)
    jobs.add([A])

    assert waiting.next == Job(A)


def test_the_queue_is_busy_while_a_job_runs(jobs: JobQueue) -> None:
    assert not jobs.busy
    jobs.add([A])
    jobs.next()
    assert jobs.busy

    jobs.finish()
    jobs.next()
    assert not jobs.busy


def test_added_jobs_are_announced_once_to_the_jobs_thread(jobs: JobQueue) -> None:
    assert jobs.take_claim_tids() == []
    jobs.add([A], TID)
    jobs.add([B, C])

    assert jobs.take_claim_tids() == [TID, None]
    assert jobs.take_claim_tids() == []


def test_a_job_that_has_not_begun_is_revoked_once(jobs: JobQueue) -> None:
    jobs.add([A, B, C])
    jobs.next()

    assert jobs.take_back() == [B, C]
    assert jobs.take_back() == []


def test_a_finished_queue_has_no_next_job_once_all_are_done(jobs: JobQueue) -> None:
    jobs.add([A])
    jobs.finish()

    assert jobs.next() == Job(A)
    assert jobs.next() is None


def test_finish_ends_the_wait_for_a_job(jobs: JobQueue) -> None:
    waiting = Waiting(jobs)
    jobs.finish()

    assert waiting.next is None


def test_the_result_of_a_deferred_comes_before_new_jobs(jobs: JobQueue) -> None:
    jobs.hold(A)
    jobs.add([B])
    jobs.add_fired(A, 42)

    assert [jobs.next(), jobs.next()] == [Job(A, True, 42), Job(B)]


def test_the_result_of_a_deferred_is_not_revoked(jobs: JobQueue) -> None:
    jobs.hold(A)
    jobs.add([B])
    jobs.add_fired(A, 42)

    assert jobs.take_back() == [B]
    assert jobs.next() == Job(A, True, 42)


def test_a_child_that_finishes_waits_for_its_deferreds(jobs: JobQueue) -> None:
    jobs.hold(A)
    jobs.finish()
    waiting = Waiting(jobs)
    jobs.add_fired(A, 42)

    assert waiting.next == Job(A, True, 42)
    assert jobs.next() is None


def test_what_has_not_begun_is_brought_into_an_order(jobs: JobQueue) -> None:
    jobs.add([A, B, C, D])
    assert jobs.next() == Job(A)
    jobs.add_fired(E, 1)

    assert jobs.reorder([A, D, B]) == [D, B, C]
    assert [jobs.next_now() for _ in range(4)] == [Job(E, True, 1), Job(D), Job(B), Job(C)]
    assert jobs.reorder([A]) == []
