"""Workers: what they have claimed, their sizes, their mapping."""

import uuid

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.datamanager import SizedSequence, Worker, Workers
from zcasync.errors import FullError


def partials(count: int) -> list[Partial]:
    return [Partial(samples.nothing) for _ in range(count)]


def test_a_new_worker_offers_one_thread_job_and_four_reactor_jobs() -> None:
    worker = Worker(ONE)

    assert (worker.UUID, worker.engineUUID, worker.last_ping) == (ONE, None, None)
    assert (worker.thread.size, worker.reactor.size) == (1, 4)
    assert (worker.poll_seconds, worker.ping_interval, worker.ping_death_interval) == (5, 20, 20)
    assert (len(worker.thread), len(worker.reactor), len(worker.completed)) == (0, 0, 0)
    assert repr(worker) == f"<zcasync.datamanager.Worker {ONE}>"


def test_a_worker_needs_a_uuid() -> None:
    with pytest.raises(TypeError, match=r"must be a uuid\.UUID, not str"):
        Worker(str(ONE))


def test_the_engine_of_a_worker_is_a_uuid_or_none(session: Session) -> None:
    worker = session.keep(Worker(ONE))
    worker.engineUUID = TWO
    session.commit()
    session.connection.cacheMinimize()

    assert worker.engineUUID == TWO
    assert type(worker.engineUUID) is uuid.UUID
    with pytest.raises(TypeError, match=r"engineUUID must be a uuid\.UUID or None"):
        worker.engineUUID = TWO.hex
    worker.engineUUID = None
    assert worker.engineUUID is None


def test_last_ping_is_an_aware_moment(fake_clock: FakeClock) -> None:
    worker = Worker(ONE)
    worker.ping.write(40.0)

    assert worker.last_ping == fake_clock.moment
    assert worker.last_ping.tzinfo is not None
    assert worker.ping.promise == 40.0


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "2", None])
def test_a_size_is_a_whole_number_of_0_or_more(wrong: object) -> None:
    sequence = SizedSequence(1)

    with pytest.raises(ValueError if wrong == -1 else TypeError, match="size must"):
        sequence.size = wrong
    assert sequence.size == 1


def test_as_many_partials_as_the_size_says_can_be_added() -> None:
    sequence = SizedSequence(2)
    one, two, three = partials(3)
    sequence.add(one)
    sequence.add(two)

    with pytest.raises(FullError, match="2 of 2 are claimed"):
        sequence.add(three)
    sequence.size = 3
    sequence.add(three)
    assert len(sequence) == 3


def test_a_paused_sequence_takes_nothing() -> None:
    sequence = SizedSequence(0)

    with pytest.raises(FullError, match="0 of 0"):
        sequence.add(Partial(samples.nothing))


def test_a_smaller_size_leaves_claimed_partials_alone() -> None:
    sequence = SizedSequence(2)
    for partial in partials(2):
        sequence.add(partial)
    sequence.size = 0

    assert len(sequence) == 2
    with pytest.raises(FullError):
        sequence.add(Partial(samples.nothing))


def test_a_sized_sequence_is_a_sequence_of_the_claimed(session: Session) -> None:
    sequence = session.keep(SizedSequence(4))
    one, two, three, other = partials(4)
    first, second = sequence.lists(2)[:2]
    first.items, second.items = (one, three), (two,)
    session.commit()

    assert list(sequence) == [one, three, two], "list by list, each in the order of running"
    assert (len(sequence), sequence[0], sequence[-1], sequence[1:]) == (3, one, two, [three, two])
    assert [sequence.index(partial) for partial in (one, three, two)] == [0, 1, 2]
    assert one in sequence
    assert other not in sequence
    assert sequence, "an empty sequence is true as well"
    assert SizedSequence(1)
    for refuse in (sequence.index, sequence.remove):
        with pytest.raises(ValueError, match="is not claimed here"):
            refuse(other)
    with pytest.raises(IndexError):
        _ = sequence[3]

    sequence.remove(three)
    assert list(sequence) == [one, two]


def test_adding_spreads_over_the_lists() -> None:
    sequence = SizedSequence(3)
    for partial in partials(3):
        sequence.add(partial)

    assert [len(one.items) for one in sequence.lists(1)] == [1, 1, 1]


def test_writing_a_size_never_conflicts_with_claims(connect: Connect) -> None:
    operator, engine = connect(), connect()
    worker = operator.keep(Worker(ONE))
    worker.thread.lists(2)
    operator.commit()
    engine.sync()
    claimer = engine.same(worker)

    worker.thread.size = 0
    worker.reactor.size = 10
    claimer.thread.lists(3)
    claimer.thread.lists(2)[1].items += (Partial(samples.nothing),)
    claimer.completed.add(Partial(samples.nothing))
    claimer.ping.write(40.0)
    claimer.engineUUID = TWO
    operator.commit()
    engine.commit()

    engine.sync()
    assert (claimer.thread.size, claimer.reactor.size, len(claimer.thread)) == (0, 10, 1)


def test_two_operators_that_write_the_same_size_conflict(connect: Connect) -> None:
    one, two = connect(), connect()
    worker = one.keep(Worker(ONE))
    two.sync()
    worker.thread.size = 2
    two.same(worker).thread.size = 3
    one.commit()

    with pytest.raises(ConflictError):
        two.commit()


def test_writing_the_size_that_it_has_writes_nothing(session: Session) -> None:
    worker = session.keep(Worker(ONE))
    before = worker.thread._size._p_serial
    worker.thread.size = 1
    session.commit()

    assert worker.thread._size._p_serial == before


def test_workers_map_uuids_to_workers(session: Session) -> None:
    workers = session.manager.workers
    one, two = Worker(ONE), Worker(TWO)
    workers.add(two)
    workers[ONE] = one
    session.commit()

    assert (workers[ONE], workers.get(TWO), workers.get(uuid.uuid4())) == (one, two, None)
    assert list(workers) == workers.keys() == [ONE, TWO]
    assert workers.values() == [one, two]
    assert workers.items() == [(ONE, one), (TWO, two)]
    assert (len(workers), ONE in workers, uuid.uuid4() in workers) == (2, True, False)
    assert workers.values()[0].UUID == ONE
    workers.remove(one)
    del workers[TWO]
    assert (list(workers), bool(workers)) == ([], True)


@pytest.mark.parametrize("key", [str(ONE), ONE.bytes, None, 1])
def test_a_value_that_is_no_uuid_is_no_key(key: object) -> None:
    workers = Workers()
    workers.add(Worker(ONE))

    assert key not in workers
    with pytest.raises(KeyError):
        _ = workers[key]


def test_a_worker_is_kept_under_its_own_uuid_only() -> None:
    workers = Workers()
    workers.add(Worker(ONE))

    with pytest.raises(ValueError, match=f"there is a worker {ONE} already"):
        workers.add(Worker(ONE))
    for wrong in (Worker(ONE), "a worker"):
        with pytest.raises(ValueError, match=f"under {TWO} belongs a Worker with that UUID"):
            workers[TWO] = wrong
    with pytest.raises(KeyError):
        workers.remove(Worker(ONE))
    assert len(workers) == 1


def test_adding_makes_claim_lists_for_what_is_claimed_and_not_for_the_size() -> None:
    sequence = SizedSequence(10_000)
    for partial in partials(3):
        sequence.add(partial)
    assert [len(one.items) for one in sequence.lists()] == [1, 1, 1]
