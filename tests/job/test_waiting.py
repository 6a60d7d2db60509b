"""A partial that returns a partial waits for it, and takes its result."""

from collections.abc import Callable

import pytest
from twisted.python.failure import Failure

from tests.jobs import samples
from tests.support.sessions import ONE, Connect, Session
from zcasync import Partial
from zcasync.errors import AbortedError, BadStateError
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.job.values import LargeValue
from zcasync.perform.performer import Performer, is_done


def run_one(session: Session) -> Partial:
    """Claim the next partial of the queue and perform it, as a worker would."""
    session.sync()
    [partial] = session.claim(1)
    partial.assign(None)
    session.commit()
    Performer().perform(partial)
    session.sync()
    return partial


def test_a_partial_waits_for_the_one_that_it_returned(session: Session) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.nothing))
    session.commit()

    assert run_one(session) is outer

    assert (outer.state, outer.result) == (ACTIVE, None)
    assert is_done(outer), "a worker has nothing left to do for it"
    assert len(session.queue) == 1

    inner = run_one(session)
    assert (inner.state, outer.state, outer.result) == (COMPLETED, COMPLETED, None)


@pytest.mark.parametrize("end", [samples.raise_value_error, samples.make_six])
def test_a_result_comes_through_three_levels(session: Session, end: Callable[[], object]) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, end, levels=3))
    session.commit()
    for waiting in range(3):
        run_one(session)
        assert outer.state == ACTIVE, waiting

    run_one(session)

    assert outer.state == COMPLETED
    if end is samples.make_six:
        assert outer.result == 6
    else:
        assert outer.result.check(ValueError)
    assert len(session.queue) == 0


def test_the_callbacks_of_a_waiting_partial_run_when_its_result_is_there(session: Session) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    callback = outer.addCallbacks(Partial(samples.multiply, 7))
    session.commit()
    run_one(session)
    assert callback.result is None

    run_one(session)

    assert (outer.state, callback.result) == (COMPLETED, 42)


def test_a_callback_added_while_it_waits_runs_too(session: Session, connect: Connect) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    session.commit()
    run_one(session)
    client = connect()
    callback = client.same(outer).addCallbacks(Partial(samples.multiply, 7))
    client.commit()

    run_one(session)

    assert session.same(callback).result == 42
    assert outer.state == COMPLETED


def test_the_result_of_a_finished_partial_is_taken_at_once(session: Session) -> None:
    inner = session.keep(Partial(samples.result_of, "5 MB"), "inner")
    inner()
    outer = session.keep(Partial(samples.give_back, inner), "outer")

    outer()

    assert outer.state == COMPLETED
    assert isinstance(outer._result, LargeValue)
    assert outer._result is inner._result, "a large result is stored once"


def test_the_failure_of_a_finished_partial_is_taken_at_once(session: Session) -> None:
    inner = session.keep(Partial(samples.raise_value_error), "inner")
    inner()

    assert session.keep(Partial(samples.give_back, inner), "outer")().check(ValueError)


def test_a_partial_cannot_wait_for_itself(session: Session) -> None:
    failure = session.keep(Partial.bind(samples.return_itself))()

    assert failure.type is BadStateError
    assert "cannot wait for itself" in failure.getErrorMessage()


def test_a_partial_waits_for_one_whose_callbacks_still_run_no_longer(session: Session) -> None:
    inner = session.keep(Partial(samples.make_six), "inner")
    outer = session.root["outer"] = Partial(samples.give_back, inner)
    inner.addCallback(Partial(samples.call_partial, outer))

    inner()

    assert (outer.state, outer.result) == (COMPLETED, 6)


def test_a_partial_that_ended_while_it_waited_is_not_changed_by_a_late_result(
    session: Session,
) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    session.commit()
    run_one(session)

    outer.fail(AbortedError("no longer wanted"))
    inner = run_one(session)

    assert (inner.state, inner.result) == (COMPLETED, 6)
    assert outer.result.type is AbortedError
    assert is_done(inner)


def test_the_partial_that_is_waited_for_can_be_made_to_fail(session: Session) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    session.commit()
    run_one(session)
    [inner] = session.queue

    inner.fail()

    session.sync()
    assert isinstance(outer.result, Failure)
    assert (outer.state, len(session.queue)) == (COMPLETED, 0)


def test_an_interrupted_handing_on_is_made_good(session: Session) -> None:
    """The worker dies after the waiting partial has its result, before its callbacks ran."""
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    callback = outer.addCallbacks(Partial(samples.multiply, 7))
    session.commit()
    run_one(session)
    [inner] = session.claim(1)
    inner.assign(None)
    session.commit()

    def invoke(call: Callable[..., object], *args: object, **kwargs: object) -> object:
        if call is samples.multiply:
            raise KeyboardInterrupt
        return call(*args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        Performer(invoke=invoke).perform(inner)
    session.sync()
    assert not is_done(inner), "whoever retires it has to look again"

    Performer().run_callbacks(inner)

    session.sync()
    assert (outer.state, callback.result) == (COMPLETED, 42)
    assert is_done(inner)


def test_a_callback_may_return_a_partial_and_its_own_callbacks_wait(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallback(Partial(samples.put_in, session.queue, samples.make_six))
    end = callback.addCallbacks(Partial(samples.multiply, 7))
    session.commit()
    run_one(session)
    assert (callback.state, end.result) == (ACTIVE, None)

    run_one(session)

    assert (callback.result, end.result) == (6, 42)
    assert partial.state == COMPLETED


def test_a_chosen_callback_may_return_a_partial(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallbacks(Partial(samples.put_in, session.queue, samples.make_six))
    session.commit()
    run_one(session)
    assert callback.state == ACTIVE

    run_one(session)

    assert (callback.state, callback.result) == (COMPLETED, 6)
    assert not session.claim(worker=ONE)
