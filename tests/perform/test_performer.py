"""What a call does to its job's changes, whatever way it ends."""

import pytest
import transaction
from persistent.mapping import PersistentMapping
from transaction.interfaces import TransientError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Connect, Session
from tests.support.storage_errors import of_storage
from zcasync import Partial
from zcasync.errors import BadStateError, FencedError, UnstorableError
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.job.values import LargeValue
from zcasync.perform.performer import Performer
from zcasync.retry.stock import CONFLICT_ATTEMPTS


def test_a_partial_that_raises_keeps_none_of_its_changes(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase_and_raise), "partial")

    failure = partial()

    assert failure.type is ValueError
    session.sync()
    assert demo.counter == 0
    assert partial.state == COMPLETED
    assert partial.unhandled_error


def test_a_returned_failure_keeps_the_changes(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase_and_fail), "partial")

    assert partial().check(ValueError)

    session.sync()
    assert demo.counter == 1
    assert partial.unhandled_error


def test_a_call_that_raises_counts_as_begun_all_the_same(session: Session) -> None:
    partial = session.keep(Partial(samples.raise_value_error))

    partial()

    assert partial.attempts == 1
    assert partial.started is not None
    assert partial.started <= partial.ended


def test_system_exit_in_a_job_is_its_result(session: Session) -> None:
    partial = session.keep(Partial(samples.leave))

    failure = partial()

    assert failure.type is SystemExit
    assert failure.value.code == 3


def test_keyboard_interrupt_is_for_the_process_and_not_for_the_job(session: Session) -> None:
    partial = session.keep(Partial(samples.interrupt))

    with pytest.raises(KeyboardInterrupt):
        partial()
    assert partial.state == ACTIVE


@pytest.mark.parametrize("kind", ["not picklable", "not loadable", "a lambda", "a generator"])
def test_a_result_that_cannot_be_stored_is_a_failure_that_says_so(
    session: Session, kind: str
) -> None:
    partial = session.keep(Partial(samples.result_of, kind))

    failure = partial()

    assert failure.type is UnstorableError
    assert "the result, a " in failure.getErrorMessage()
    session.connection.cacheMinimize()
    assert partial.result.type is UnstorableError


def test_a_new_object_that_cannot_be_stored_does_not_end_the_process(session: Session) -> None:
    partial = session.keep(Partial(samples.result_of, "inside a new object"))

    failure = partial()

    assert failure.type is TypeError
    assert "will not be pickled" in failure.getErrorMessage()
    assert partial.state == COMPLETED


def test_a_result_of_5_mb_is_stored_in_a_record_of_its_own(connect: Connect) -> None:
    one, other = connect(), connect()
    partial = one.keep(Partial(samples.result_of, "5 MB"))

    assert partial() == "x" * 5_000_000

    other.sync()
    seen = other.same(partial)
    assert isinstance(seen._result, LargeValue)
    data, _ = other.connection._storage.load(partial._p_oid)
    assert len(data) < 1000
    assert len(seen.result) == 5_000_000


def test_a_result_beyond_the_limit_is_refused(session: Session) -> None:
    failure = session.keep(Partial(samples.result_of, "17 MB"))()

    assert failure.type is UnstorableError
    assert "keep large values in a blob" in failure.getErrorMessage()


def test_a_result_can_be_a_stored_object(connect: Connect) -> None:
    one, other = connect(), connect()
    demo = one.keep(Demo())
    partial = one.keep(Partial(samples.give_back, [demo]), "partial")

    assert partial() == [demo]

    other.sync()
    assert other.same(partial).result == [other.same(demo)]


class Rival:
    """Commits a change of the same object in the middle of a job, so many times."""

    def __init__(self, session: Session, rival: Session, times: int) -> None:
        self.session, self.rival, self.times = session, rival, times
        self.calls = 0
        self.mapping = session.keep(PersistentMapping(mine=0, theirs=0), "mapping")

    def invoke(self, call: object, *args: object, **kwargs: object) -> int:
        self.calls += 1
        self.mapping["mine"] += 1
        if self.calls <= self.times:
            self.rival.sync()
            self.rival.same(self.mapping)["theirs"] += 1
            self.rival.commit()
        return self.calls


def test_a_job_that_conflicts_is_begun_again_and_leaves_its_changes_once(connect: Connect) -> None:
    one = connect()
    rival = Rival(one, connect(), times=2)
    partial = one.keep(Partial(samples.nothing))

    Performer(invoke=rival.invoke).perform_unclaimed(partial, (), {})

    assert (partial.result, partial.attempts) == (3, 3)
    assert dict(rival.mapping) == {"mine": 1, "theirs": 2}


def test_a_job_that_always_conflicts_ends_with_the_conflict(connect: Connect) -> None:
    one = connect()
    rival = Rival(one, connect(), times=1000)
    partial = one.keep(Partial(samples.nothing))

    Performer(invoke=rival.invoke).perform_unclaimed(partial, (), {})

    assert rival.calls == CONFLICT_ATTEMPTS == partial.attempts
    assert partial.result.check(ConflictError)
    assert partial.result.evidence == {"attempts": CONFLICT_ATTEMPTS}
    assert rival.mapping["mine"] == 0


def test_a_transient_error_of_the_application_is_tried_again_but_not_for_ever(
    session: Session,
) -> None:
    calls = []

    def invoke(call: object, *args: object, **kwargs: object) -> None:
        calls.append(call)
        raise TransientError("try again, says the application")

    partial = session.keep(Partial(samples.nothing))

    Performer(invoke=invoke).perform_unclaimed(partial, (), {})

    assert len(calls) == CONFLICT_ATTEMPTS
    assert partial.result.check(TransientError)


class Away:
    """Lets the storage go away in some commits; ``committed``: after the change got through."""

    def __init__(self, session: Session, times: int, committed: bool) -> None:
        self.times, self.waited = times, 0
        commit = session.transactions.commit

        def uncertain() -> None:
            if self.times:
                self.times -= 1
                if committed:
                    commit()
                raise of_storage(ClientDisconnected("the server is away"))
            commit()

        session.transactions.commit = uncertain

    def wait(self, error: Exception) -> None:
        assert isinstance(error, ClientDisconnected)
        self.waited += 1


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_in_doubt_is_looked_up(session: Session, committed: bool) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    partial._move_to(ACTIVE)
    session.commit()
    away = Away(session, 1, committed)

    Performer(away.wait).perform(partial)

    assert away.waited == 1
    assert (partial.state, partial.result, demo.counter) == (COMPLETED, 1, 1)


def test_a_failure_is_stored_once_the_storage_is_back(session: Session) -> None:
    partial = session.keep(Partial(samples.raise_value_error))
    partial._move_to(ACTIVE)
    session.commit()
    away = Away(session, 3, committed=False)

    Performer(away.wait).perform(partial)

    assert away.waited == 3
    assert partial.result.check(ValueError)


def test_a_direct_call_does_not_wait_for_a_storage_that_is_away(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    Away(session, 1000, committed=False)

    with pytest.raises(ClientDisconnected):
        partial()


def test_a_fenced_commit_ends_the_performance_without_a_result(session: Session) -> None:
    def invoke(call: object, *args: object, **kwargs: object) -> None:
        raise FencedError("buried")

    partial = session.keep(Partial(samples.nothing))

    with pytest.raises(FencedError):
        Performer(invoke=invoke).perform_unclaimed(partial, (), {})
    assert (partial.state, partial.result) == (ACTIVE, None)


async def forty_two() -> int:
    return 42


def test_a_coroutine_is_run_to_its_end() -> None:
    assert Partial(forty_two)() == 42


def test_a_deferred_that_has_fired_counts_as_its_value() -> None:
    assert Partial(succeed, 42)() == 42
    assert Partial(fail, ValueError("late"))().check(ValueError)


def test_a_deferred_that_has_not_fired_is_refused_where_no_reactor_would_fire_it(
    session: Session,
) -> None:
    failure = session.keep(Partial(Deferred))()

    assert failure.type is BadStateError
    assert "no reactor runs here" in failure.getErrorMessage()


def test_the_deferred_of_a_callback_is_waited_for_in_its_place(session: Session) -> None:
    values = [succeed(1), fail(ValueError("late")), succeed(3)]
    waited = []

    def wait(deferred: Deferred[object]) -> object:
        waited.append(deferred)
        return values[len(waited) - 1].result

    performer = Performer(hold=lambda partial, deferred: None, wait=wait)
    partial = session.keep(Partial(samples.nothing), "partial")
    callbacks = [partial.addCallback(Partial(samples.open_deferred)) for _ in values]
    either = partial.addCallbacks(Partial(samples.open_deferred))
    session.commit()
    values.append(succeed(4))
    performer.perform_unclaimed(partial, (), {})

    assert len(waited) == 4, "each is called once"
    assert [callbacks[0].result, callbacks[2].result, either.result] == [1, 3, 4]
    assert callbacks[1].result.check(ValueError)
    assert partial.state == COMPLETED


def test_a_held_deferred_settles_the_partial_later(session: Session) -> None:
    held = []
    performer = Performer(hold=lambda partial, deferred: held.append(deferred))
    partial = session.keep(Partial(Deferred))

    performer.perform_unclaimed(partial, (), {})
    assert (partial.state, len(held)) == (ACTIVE, 1)

    performer.settle(partial, 42)
    assert (partial.state, partial.result) == (COMPLETED, 42)

    performer.settle(partial, 43)
    assert partial.result == 42


@pytest.mark.parametrize(
    ("value", "kind"),
    [(Failure(ValueError("late")), ValueError), (samples.NotPicklable(), UnstorableError)],
)
def test_a_held_deferred_can_end_badly(session: Session, value: object, kind: type) -> None:
    performer = Performer(hold=lambda partial, deferred: None)
    partial = session.keep(Partial(Deferred))
    performer.perform_unclaimed(partial, (), {})

    performer.settle(partial, value)

    assert partial.result.check(kind)


def test_a_job_may_commit_on_its_own_and_its_abort_takes_back_only_the_rest(db: object) -> None:
    connection = db.open()  # the thread's own transaction manager, as in a child
    try:
        demo = connection.root()["demo"] = Demo()
        partial = connection.root()["partial"] = Partial(samples.nothing)
        transaction.commit()

        def invoke(call: object, *args: object, **kwargs: object) -> None:
            demo.increase()
            transaction.commit()
            demo.increase()
            raise ValueError("after its commit")

        Performer(invoke=invoke).perform_unclaimed(partial, (), {})

        assert partial.result.check(ValueError)
        assert demo.counter == 1
    finally:
        transaction.abort()
        connection.close()
