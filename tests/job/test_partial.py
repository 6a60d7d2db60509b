"""A partial: its callable, its arguments, its states, what calling it does."""

import pickle

import pytest
from twisted.python.failure import Failure

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import AbortedError, BadCallable, BadStateError, MissingCallable
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.record import TRANSITIONS


def test_a_new_partial_is_pending_and_has_no_result() -> None:
    partial = Partial(samples.multiply, 2, 3)

    assert (partial.state, partial.result, partial.callbacks) == (PENDING, None, ())
    assert (list(partial.args), dict(partial.kwargs)) == ([2, 3], {})
    assert (partial.queue, partial.begin_after, partial.begin_by) == (None, None, None)
    assert (partial.started, partial.ended, partial.attempts, partial.claim) == (
        None,
        None,
        0,
        None,
    )
    assert not partial.unhandled_error


def test_a_call_returns_the_result_and_completes() -> None:
    partial = Partial(samples.multiply, 2, 3)

    assert partial() == 6
    assert (partial.state, partial.result, partial.attempts) == (COMPLETED, 6, 1)
    assert partial.started <= partial.ended


def test_arguments_of_the_call_follow_the_stored_ones() -> None:
    partial = Partial(samples.echo, 1, a=1, b=2)

    assert partial(2, b=3, c=4) == (1, 2, {"a": 1, "b": 3, "c": 4})


def test_keyword_arguments_may_have_any_name() -> None:
    partial = Partial(samples.echo, self=1, call=2, partial=3)

    assert partial(args=4) == ({"self": 1, "call": 2, "partial": 3, "args": 4},)


def test_bind_puts_the_partial_itself_first() -> None:
    partial = Partial.bind(samples.echo, 1, a=2)

    assert partial.args[0] is partial
    assert partial() == (partial, 1, {"a": 2})


def test_a_second_call_is_refused() -> None:
    partial = Partial(samples.nothing)
    partial()

    with pytest.raises(BadStateError, match="called once; this one is completed"):
        partial()


def test_a_partial_in_a_queue_cannot_be_called(session: Session) -> None:
    partial = session.queue.put(samples.nothing)

    with pytest.raises(BadStateError, match="in a queue"):
        partial()
    assert partial.state == PENDING


def test_a_call_commits_what_it_changed_and_its_result(connect: Connect) -> None:
    one, other = connect(), connect()
    demo = one.keep(Demo())
    partial = one.keep(Partial(demo.increase, 5), "partial")

    assert partial() == 5
    one.abort()
    other.sync()
    assert other.same(demo).counter == 5
    assert other.same(partial).result == 5


def test_a_call_commits_what_its_caller_had_changed(connect: Connect) -> None:
    one, other = connect(), connect()
    partial = one.root["partial"] = Partial(samples.raise_value_error)
    one.commit()
    one.root["before"] = "kept"

    partial()

    other.sync()
    assert other.root["before"] == "kept"


def test_a_call_of_a_method_commits_even_when_the_partial_itself_is_not_stored(
    connect: Connect,
) -> None:
    one, other = connect(), connect()
    demo = one.keep(Demo())

    assert Partial(demo.increase, 5)() == 5

    one.abort()
    other.sync()
    assert other.same(demo).counter == 5


def test_a_call_of_a_partial_that_is_not_stored_aborts_when_it_raises(session: Session) -> None:
    demo = session.keep(Demo())
    partial = Partial(demo.increase_and_raise)

    assert isinstance(partial(), Failure)
    assert demo.counter == 0


def test_a_call_works_where_transactions_are_explicit(session: Session, connect: Connect) -> None:
    session.transactions.begin()
    demo = session.keep(Demo())
    session.transactions.explicit = True
    session.transactions.begin()
    good = session.root["good"] = Partial(demo.increase)
    bad = session.root["bad"] = Partial(demo.increase_and_raise)

    assert good() == 1
    assert isinstance(bad(), Failure)

    session.transactions.commit()  # the caller goes on in a transaction, as before
    session.transactions.explicit = False
    assert connect().same(demo).counter == 1


def test_the_callable_can_change_while_pending() -> None:
    partial = Partial(samples.nothing)
    partial.callable = samples.multiply
    partial.args.extend([2, 3])

    assert partial() == 6
    with pytest.raises(BadStateError, match="callable can change while a partial is pending"):
        partial.callable = samples.nothing
    assert partial.callable is samples.multiply


def test_the_callable_cannot_become_what_no_other_process_could_call() -> None:
    partial = Partial(samples.nothing)

    with pytest.raises(BadCallable):
        partial.callable = lambda: None
    assert partial.callable is samples.nothing


def test_a_partial_of_a_missing_function_can_be_read_and_fails_when_called() -> None:
    partial = Partial(samples.nothing)
    partial._call = "tests.jobs.samples:vanished"

    assert partial.callable_name == "tests.jobs.samples.vanished"
    with pytest.raises(MissingCallable, match="has no 'vanished'"):
        _ = partial.callable
    assert partial().check(MissingCallable)
    assert partial.state == COMPLETED


def test_fail_gives_an_aborted_error_by_default() -> None:
    partial = Partial(samples.nothing)

    failure = partial.fail()
    assert partial.result is failure
    assert failure.type is AbortedError
    assert partial.state == COMPLETED
    assert partial.unhandled_error


@pytest.mark.parametrize("kind", [ValueError("mine"), Failure(ValueError("mine"))])
def test_fail_takes_an_exception_or_a_failure(kind: ValueError | Failure) -> None:
    assert Partial(samples.nothing).fail(kind).getErrorMessage() == "mine"


def test_fail_is_refused_once_there_is_a_result() -> None:
    partial = Partial(samples.nothing)
    partial()

    with pytest.raises(BadStateError, match="cannot fail a partial that is completed"):
        partial.fail()
    assert partial.result is None


def test_fail_commits_and_keeps_what_its_caller_had_changed(connect: Connect) -> None:
    one, other = connect(), connect()
    partial = one.keep(Partial(samples.nothing))
    one.root["before"] = "kept"

    partial.fail()

    other.sync()
    assert other.same(partial).state == COMPLETED
    assert other.root["before"] == "kept"


def test_fail_runs_the_callbacks() -> None:
    partial = Partial(samples.nothing)
    handler = partial.addCallbacks(failure=Partial(samples.give_back))

    partial.fail(ValueError("mine"))

    assert handler.result.getErrorMessage() == "mine"
    assert partial.state == COMPLETED


def test_a_partial_that_waits_in_a_queue_and_is_made_to_fail_never_runs(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    other = session.queue.put(samples.nothing)
    session.commit()

    partial.fail()

    assert list(session.queue) == [other]
    assert len(session.queue) == 1
    assert session.claim() == [other]
    assert len(session.queue) == 0


def test_a_claimed_partial_can_be_made_to_fail(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.activate(partial)

    partial.fail()

    assert (partial.state, len(session.queue)) == (COMPLETED, 0)


def test_resume_callbacks_is_refused_before_there_is_a_result() -> None:
    with pytest.raises(
        BadStateError, match="cannot resume the callbacks of a partial that is pend"
    ):
        Partial(samples.nothing).resumeCallbacks()


@pytest.mark.parametrize("start", [PENDING, ACTIVE, CALLBACKS, COMPLETED])
def test_states_change_along_the_table_only(start: str) -> None:
    for end in (PENDING, ACTIVE, CALLBACKS, COMPLETED):
        partial = Partial(samples.nothing)
        partial._state = start
        if end in TRANSITIONS[start]:
            partial._move_to(end)
            assert partial.state == end
        else:
            with pytest.raises(BadStateError, match=f"that is {start} cannot become {end}"):
                partial._move_to(end)


def test_a_waiting_no_op_is_one_small_record(file_db: object) -> None:
    session = Session(file_db)
    partial = session.queue.put(samples.nothing)
    session.commit()

    data, _ = session.connection._storage.load(partial._p_oid)
    assert len(data) < 300
    assert partial._sidecar is None
    session.close()


def test_a_partial_names_itself_without_loading_its_callable(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    partial._call = "no.such.module:function"

    assert repr(partial) == (
        f"<zcasync.partial.Partial {int.from_bytes(partial._p_oid):#x} "
        "no.such.module.function pending>"
    )


def test_a_partial_outside_a_database_can_be_pickled() -> None:
    partial = Partial(samples.multiply, 2, 3)
    partial()

    assert pickle.loads(pickle.dumps(partial)).result == 6
