"""Patterns: a call that needs a certain environment, and one for every worker."""

import uuid
from datetime import timedelta

import pytest

import zcasync
from tests.jobs import samples
from tests.support.sessions import ONE, THREE, TWO, FakeClock, Session
from zcasync import Partial, RetryRule, current
from zcasync.datamanager import Worker
from zcasync.errors import BadStateError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.patterns import broadcast, where
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation

#: The workers on which ``is_fit`` is true.
FIT: set[uuid.UUID] = set()


def here() -> uuid.UUID:
    """The worker that the current job runs on."""
    partial = current()
    assert partial is not None
    assert partial.claim is not None
    return partial.claim.worker


def is_fit() -> bool:
    return here() in FIT


def say(*args: object, **kwargs: object) -> object:
    return here(), args, kwargs


@pytest.fixture(autouse=True)
def nobody_is_fit() -> None:
    """Each test says who is."""
    FIT.clear()


@pytest.fixture
def workers(session: Session) -> Session:
    """Three workers; the third has no engine."""
    for name in (ONE, TWO, THREE):
        worker = Worker(name)
        worker.engineUUID = None if name == THREE else uuid.uuid4()
        session.manager.workers.add(worker)
    session.commit()
    return session


def visit(session: Session, worker: uuid.UUID) -> int:
    """Let a worker perform all that it finds; how much that was."""
    session.sync()
    claimed = session.claim(worker=worker)
    incarnation = Incarnation(uuid.uuid4(), worker, ProcessIdentity.here())
    for partial in claimed:
        partial.assign(incarnation)
    session.commit()
    for partial in claimed:
        Performer().perform_claimed(partial, incarnation)
    session.sync()
    return len(claimed)


def test_a_call_is_made_where_the_check_is_true(workers: Session) -> None:
    FIT.add(ONE)
    partial = workers.queue.put(where(is_fit, say, 1, two=2))
    workers.commit()

    assert visit(workers, ONE) == 1

    assert partial.result == (ONE, (1,), {"two": 2})


def test_a_call_moves_on_after_the_delay_and_its_result_is_the_first_partials(
    workers: Session, fake_clock: FakeClock
) -> None:
    FIT.add(TWO)
    partial = workers.queue.put(where(is_fit, say, 1, delay=timedelta(minutes=1)))
    workers.commit()

    assert visit(workers, ONE) == 1
    assert partial.state == ACTIVE
    (again,) = workers.queue
    assert list(again.excludedUUIDs) == [ONE]
    assert again.begin_after == fake_clock.later(minutes=1)
    assert visit(workers, TWO) == 0

    fake_clock.advance(minutes=1)
    assert visit(workers, ONE) == 0
    assert visit(workers, TWO) == 1
    assert partial.state == COMPLETED
    assert partial.result == (TWO, (1,), {})


def test_a_call_that_moves_on_takes_its_quotas_along_as_far_as_they_are_there(
    workers: Session,
) -> None:
    for name in ("smtp", "solr"):
        workers.manager.quotas.set(name, limit=1)
    workers.queue.put(where(is_fit, say), quota=("smtp", "solr"))
    workers.commit()
    workers.manager.quotas.remove("smtp")
    workers.commit()

    assert visit(workers, ONE) == 1

    (again,) = workers.queue
    assert again.quotas == ("solr",)


def test_a_call_that_moves_on_takes_its_retry_policy_along(workers: Session) -> None:
    workers.queue.set_defaults(unique="key", retry=5)
    workers.queue.put(where(is_fit, say), retry="forever", unique=False)
    workers.commit()

    assert visit(workers, ONE) == 1

    (again,) = workers.queue
    assert (again.retry_policy, again.unique) == ("forever", None)


def test_a_call_that_moves_on_takes_along_how_it_is_retried(workers: Session) -> None:
    for retry in (3, None):
        first = workers.queue.put(where(is_fit, say), retry=retry)
        workers.commit()
        visit(workers, ONE)
        [again] = [one for one in workers.queue if one is not first]
        assert again.retry_policy == first.retry_policy
        workers.queue.pull()
        workers.commit()


def test_a_call_that_moves_on_keeps_its_retry_rule(workers: Session) -> None:
    rule = RetryRule(attempts=3, on=OSError)
    workers.queue.put(where(is_fit, say), retry=rule)
    workers.commit()

    assert visit(workers, ONE) == 1

    (again,) = workers.queue
    assert again.retry_policy == rule.name


def test_the_workers_may_look_again_when_all_running_ones_have_looked(
    workers: Session, fake_clock: FakeClock
) -> None:
    partial = workers.queue.put(where(is_fit, say))
    workers.commit()
    for worker in (ONE, TWO):
        assert visit(workers, worker) == 1
        fake_clock.advance(seconds=5)

    (again,) = workers.queue
    assert list(again.excludedUUIDs) == []
    FIT.add(ONE)
    assert visit(workers, ONE) == 1
    assert partial.result == (ONE, (), {})


def test_selected_workers_look_again_among_themselves(
    workers: Session, fake_clock: FakeClock
) -> None:
    partial = where(is_fit, say)
    partial.selectedUUIDs.add(ONE)
    workers.queue.put(partial)
    workers.commit()

    assert visit(workers, ONE) == 1
    fake_clock.advance(seconds=5)
    FIT.update([ONE, TWO])
    assert visit(workers, TWO) == 0
    assert visit(workers, ONE) == 1
    assert partial.result == (ONE, (), {})


def test_excluded_workers_never_look(workers: Session, fake_clock: FakeClock) -> None:
    partial = where(is_fit, say)
    partial.excludedUUIDs.add(TWO)
    workers.queue.put(partial)
    workers.commit()

    FIT.add(TWO)
    for _ in range(3):
        assert visit(workers, ONE) == 1
        fake_clock.advance(seconds=5)
        assert visit(workers, TWO) == 0
    assert partial.state == ACTIVE


def test_a_whole_journey_has_one_deadline(workers: Session, fake_clock: FakeClock) -> None:
    partial = workers.queue.put(where(is_fit, say), begin_by=timedelta(seconds=12))
    workers.commit()

    visits = 0
    for _ in range(10):
        visits += visit(workers, ONE) + visit(workers, TWO)
        fake_clock.advance(seconds=5)

    assert partial.state == COMPLETED
    assert partial.result.getErrorMessage().startswith("not begun within")
    assert visits == 4  # at 0, 5 and 10 seconds, and whoever ends it


def test_a_partial_that_looks_for_a_worker_has_to_be_put(session: Session) -> None:
    failure = where(is_fit_nowhere, samples.nothing)()

    assert failure.check(BadStateError)
    assert "must be put in a queue" in failure.getErrorMessage()


def is_fit_nowhere() -> bool:
    return False


def test_an_error_of_the_check_is_the_result(workers: Session) -> None:
    partial = workers.queue.put(where(samples.raise_value_error, say))
    workers.commit()

    visit(workers, ONE)

    assert partial.result.check(ValueError)


def test_a_broadcast_is_one_partial_for_each_running_worker(workers: Session) -> None:
    partials = broadcast(workers.queue, say, "all", to=1)
    workers.commit()

    assert [visit(workers, worker) for worker in (THREE, TWO, ONE)] == [0, 1, 1]
    assert [partial.result for partial in partials] == [
        (ONE, ("all",), {"to": 1}),
        (TWO, ("all",), {"to": 1}),
    ]


@zcasync.job(unique=True)
def say_once(*args: object) -> object:
    return say(*args)


def test_a_broadcast_of_a_unique_call_is_one_for_each_worker_too(workers: Session) -> None:
    broadcast(workers.queue, say_once, 1)
    workers.commit()

    assert [visit(workers, worker) for worker in (ONE, TWO)] == [1, 1]


def test_a_broadcast_can_wait_for_workers_that_do_not_run(workers: Session) -> None:
    partials: list[Partial] = broadcast(workers.queue, say, only_running=False)
    workers.commit()

    assert len(partials) == 3
    assert visit(workers, THREE) == 1
