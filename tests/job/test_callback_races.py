"""Callbacks that are added by one process while another performs the partial: run exactly once."""

from collections.abc import Callable

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.job.callbacks import adopt
from zcasync.perform.performer import Performer, is_done
from zcasync.perform.result import accept


@pytest.fixture
def worker(connect: Connect) -> Session:
    """The process that performs."""
    return connect()


@pytest.fixture
def client(connect: Connect) -> Session:
    """The process that adds a callback."""
    return connect()


@pytest.fixture
def partial(worker: Session, client: Session) -> Partial:
    """A partial that the worker has claimed, as the worker sees it."""
    made = worker.queue.put(samples.nothing)
    worker.commit()
    worker.activate(made)
    client.sync()
    return made


def during(action: Callable[[], object]) -> Performer:
    """A performer that does this in the middle of every call."""

    def invoke(call: Callable[..., object], *args: object, **kwargs: object) -> object:
        action()
        return call(*args, **kwargs)

    return Performer(invoke=invoke)


def add(client: Session, partial: Partial) -> None:
    """Add a callback and commit."""
    client.sync()
    client.same(partial).addCallback(Partial(samples.note, "late"))
    client.commit()


def retire(worker: Session, partial: Partial) -> None:
    """What the engine does with a partial that a child has reported as ended."""
    worker.sync()
    if not is_done(partial):
        Performer().run_callbacks(partial)


def check(worker: Session, partial: Partial) -> None:
    """All is over, and the callback ran once."""
    worker.sync()
    assert samples.NOTED == [("late", None)]
    assert partial.state == COMPLETED
    assert [callback.state for callback in partial.callbacks] == [COMPLETED]
    assert is_done(partial)


def test_a_claimed_partial_has_the_record_that_callbacks_are_written_in(partial: Partial) -> None:
    assert partial._sidecar is not None
    assert partial._sidecar._p_oid is not None


def test_a_callback_added_before_the_job_starts_is_run(
    worker: Session, client: Session, partial: Partial
) -> None:
    add(client, partial)

    worker.sync()
    Performer().perform(partial)

    check(worker, partial)


def test_a_callback_added_while_the_job_runs_is_run_and_no_conflict_repeats_the_job(
    worker: Session, client: Session, partial: Partial
) -> None:
    calls = []

    def once() -> None:
        if not calls:
            add(client, partial)
        calls.append(1)

    worker.sync()
    during(once).perform(partial)
    retire(worker, partial)

    check(worker, partial)
    assert partial.attempts == 1


def test_the_job_may_be_completed_before_it_knows_of_a_callback_and_then_is_not_done(
    worker: Session, client: Session, partial: Partial
) -> None:
    worker.sync()
    assert partial.callbacks == ()
    partial.finish(None)  # what a child has done when it dies right after its commit
    add(client, partial)
    worker.commit()

    assert partial.state == COMPLETED
    worker.sync()
    assert not is_done(partial)
    retire(worker, partial)
    check(worker, partial)


def test_a_callback_that_a_stale_view_adds_after_the_jobs_commit_conflicts_then_runs_at_once(
    worker: Session, client: Session, partial: Partial
) -> None:
    client.same(partial).addCallback(Partial(samples.note, "late"))
    worker.sync()
    Performer().perform(partial)
    retire(worker, partial)

    with pytest.raises(ConflictError):
        client.commit()
    client.abort()
    add(client, partial)

    check(worker, partial)


def test_a_callback_that_is_added_in_the_instant_of_completion_is_run(
    worker: Session, client: Session, partial: Partial
) -> None:
    """The partial is in CALLBACKS; the client adds one more while the performer completes it."""
    partial.addCallback(Partial(samples.nothing))
    worker.commit()
    commit = worker.transactions.commit
    commits = []

    def busy_commit() -> None:
        commits.append(partial.state)
        if partial.state == COMPLETED and commits.count(COMPLETED) == 1:
            add(client, partial)
        commit()

    worker.transactions.commit = busy_commit
    worker.sync()
    Performer().perform(partial)
    worker.transactions.commit = commit
    retire(worker, partial)

    worker.sync()
    assert COMPLETED in commits
    assert samples.NOTED == [("late", None)]
    assert [callback.state for callback in partial.callbacks] == [COMPLETED, COMPLETED]
    assert is_done(partial)


def test_a_callback_that_comes_while_the_result_of_another_partial_is_adopted_is_seen(
    worker: Session, client: Session, partial: Partial
) -> None:
    """Who adopts it may die right after that commit, and then nobody would look any more."""
    inner = worker.queue.put(samples.nothing)
    worker.commit()
    worker.activate(inner)
    accept(partial, inner)
    worker.commit()
    assert partial._sidecar.callbacks == ()
    adopt(partial, None)
    add(client, partial)
    with pytest.raises(ConflictError):
        worker.commit()
    worker.abort()

    Performer().perform(inner)

    check(worker, partial)


def test_a_callback_on_a_pending_partial_and_a_claim_conflict(
    worker: Session, client: Session
) -> None:
    partial = worker.queue.put(samples.nothing)
    worker.commit()
    client.sync()
    client.same(partial).addCallback(Partial(samples.note, "late"))
    worker.activate(partial)

    with pytest.raises(ConflictError):
        client.commit()
    client.abort()
    add(client, partial)
    Performer().perform(partial)

    check(worker, partial)


def test_annotations_are_written_while_the_job_runs_and_do_not_repeat_it(
    worker: Session, client: Session, partial: Partial
) -> None:
    partial.annotations["progress"] = 0
    worker.commit()

    def annotate() -> None:
        client.sync()
        seen = client.same(partial)
        assert seen.state == ACTIVE
        seen.annotations["progress"] += 50
        client.commit()

    worker.sync()
    during(annotate).perform(partial)

    worker.sync()
    assert partial.annotations["progress"] == 50
    assert partial.attempts == 1


def test_the_first_annotation_is_written_while_the_job_runs_too(
    worker: Session, client: Session, partial: Partial
) -> None:
    def annotate() -> None:
        client.sync()
        client.same(partial).annotations["first"] = True
        client.commit()

    worker.sync()
    during(annotate).perform(partial)

    worker.sync()
    assert dict(partial.annotations) == {"first": True}
    assert partial.attempts == 1


def test_two_clients_that_add_a_callback_at_once_conflict_and_both_are_run(
    worker: Session, client: Session, connect: Connect, partial: Partial
) -> None:
    second = connect()
    client.same(partial).addCallback(Partial(samples.note, "one"))
    second.same(partial).addCallback(Partial(samples.note, "two"))
    client.commit()
    with pytest.raises(ConflictError):
        second.commit()
    second.abort()
    second.same(partial).addCallback(Partial(samples.note, "two"))
    second.commit()

    worker.sync()
    Performer().perform(partial)

    assert samples.NOTED == [("one", None), ("two", None)]
