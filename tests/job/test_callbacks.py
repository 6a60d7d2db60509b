"""Callbacks: which are called, with what, and what an unhandled error is."""

from collections.abc import Callable

import pytest
from twisted.python.failure import Failure

from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import BadCallable
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.perform.performer import Performer, is_done


@pytest.fixture(params=["stored", "not stored"])
def keep(request: pytest.FixtureRequest, session: Session) -> Callable[[Partial], Partial]:
    """Partials behave alike in a database and outside."""
    return session.keep if request.param == "stored" else lambda partial: partial


Keep = Callable[[Partial], Partial]


def test_add_callbacks_returns_a_partial_with_the_result_of_the_chosen_one(keep: Keep) -> None:
    partial = keep(Partial(samples.multiply, 2, 3))
    callback = partial.addCallbacks(Partial(samples.multiply, 4), samples.raise_value_error)

    assert isinstance(callback, Partial)
    assert (callback.state, partial.callbacks) == (PENDING, (callback,))
    assert partial() == 6
    assert (callback.state, callback.result) == (COMPLETED, 24)
    assert partial.state == COMPLETED


def test_the_failure_callback_is_called_with_the_failure(keep: Keep) -> None:
    partial = keep(Partial(samples.raise_value_error))
    callback = partial.addCallbacks(samples.raise_two_arguments, samples.handle)

    partial()

    assert callback.result == "handled"
    assert not partial.unhandled_error


def test_a_result_passes_where_there_is_no_callback_for_it(keep: Keep) -> None:
    good = keep(Partial(samples.multiply, 2, 3))
    passed = good.addCallbacks(failure=samples.handle)
    good()
    bad = keep(Partial(samples.raise_value_error))
    failed = bad.addCallbacks(success=samples.note)
    bad()

    assert passed.result == 6
    assert failed.result.check(ValueError)
    assert bad.unhandled_error
    assert samples.NOTED == []


@pytest.mark.parametrize("call", [samples.nothing, samples.raise_value_error])
def test_add_callback_is_called_with_either(keep: Keep, call: Callable[[], None]) -> None:
    partial = keep(Partial(call))
    callback = partial.addCallback(samples.note)

    partial()

    assert len(samples.NOTED) == 1
    assert (samples.NOTED[0] is None) == (call is samples.nothing)
    assert callback.state == COMPLETED


def test_callbacks_are_called_in_the_order_in_which_they_were_added(keep: Keep) -> None:
    partial = keep(Partial(samples.nothing))
    for number in range(5):
        partial.addCallback(Partial(samples.note, number))

    partial()

    assert [(number, None) for number in range(5)] == samples.NOTED


def test_a_chain_hands_each_result_on(keep: Keep) -> None:
    partial = keep(Partial(samples.multiply, 1))
    end = partial
    for factor in (2, 3, 5):
        end = end.addCallbacks(Partial(samples.multiply, factor))

    partial()

    assert end.result == 30
    assert end.state == partial.state == COMPLETED


def test_a_tree_calls_every_branch_once(keep: Keep) -> None:
    root = keep(Partial(samples.note, "root"))
    for branch in "ab":
        node = root.addCallbacks(Partial(samples.note, branch))
        for leaf in "12":
            node.addCallbacks(Partial(samples.note, branch + leaf))

    root()

    assert samples.NOTED == [
        "root", ("a", "root"), ("a1", "root"), ("a2", "root"),
        ("b", "root"), ("b1", "root"), ("b2", "root"),
    ]  # fmt: skip


def test_an_error_is_handled_when_every_leaf_has_handled_it(keep: Keep) -> None:
    partial = keep(Partial(samples.raise_value_error))
    partial.addCallbacks(failure=samples.handle)
    half = partial.addCallbacks(success=samples.nothing)

    partial()

    assert partial.unhandled_error
    half.addCallbacks(failure=samples.handle)
    assert not partial.unhandled_error


def test_a_handler_that_raises_leaves_an_unhandled_error(keep: Keep) -> None:
    partial = keep(Partial(samples.raise_value_error))
    handler = partial.addCallbacks(failure=samples.note_and_raise)

    partial()

    assert handler.result.check(ValueError)
    assert partial.unhandled_error
    assert handler.unhandled_error


def test_an_error_is_unhandled_while_its_callback_waits() -> None:
    partial = Partial(samples.raise_value_error)
    partial.addCallback(samples.handle)
    partial.finish(Failure(ValueError()))

    assert partial.state == CALLBACKS
    assert partial.unhandled_error
    partial.resumeCallbacks()
    assert not partial.unhandled_error


def test_an_error_in_a_success_callback_is_not_the_error_of_its_partial(keep: Keep) -> None:
    partial = keep(Partial(samples.nothing))
    callback = partial.addCallbacks(samples.note_and_raise)

    partial()

    assert callback.unhandled_error
    assert not partial.unhandled_error


def test_a_callback_on_a_completed_partial_runs_at_once(keep: Keep) -> None:
    partial = keep(Partial(samples.multiply, 2, 3))
    partial()

    callback = partial.addCallback(Partial(samples.multiply, 4))

    assert (callback.state, callback.result) == (COMPLETED, 24)
    assert partial.callbacks == (callback,)


@pytest.mark.parametrize("call", [samples.note, samples.note_and_raise])
def test_a_callback_on_a_completed_partial_commits_in_the_partials_connection(
    session: Session, connect: Connect, noted: list[object], call: Callable[..., object]
) -> None:
    partial = session.keep(Partial(samples.make_six))
    partial()

    callbacks = partial.addCallback(Partial(call)), partial.addCallbacks(call)
    session.abort()

    other = connect()
    assert [one.state for one in other.same(partial).callbacks] == [COMPLETED, COMPLETED]
    for one in callbacks:
        assert repr(other.same(one).result) == repr(one.result)
    assert noted == [6, 6]


def test_a_callback_that_is_added_while_callbacks_run_runs_too(keep: Keep) -> None:
    partial = keep(Partial(samples.nothing))
    partial.addCallback(Partial(samples.add_callback_to, partial))
    partial.addCallback(Partial(samples.note, "the second"))

    partial()

    assert samples.NOTED == [("the second", None), ("added while callbacks ran", None)]
    assert partial.state == COMPLETED
    assert len(partial.callbacks) == 3


def test_a_job_can_add_a_callback_to_itself(keep: Keep) -> None:
    partial = keep(Partial.bind(samples.add_callback_to))

    partial()

    assert samples.NOTED == [("added while callbacks ran", None)]
    assert partial.state == COMPLETED


def test_a_callback_can_be_added_by_a_callback_of_a_callback(keep: Keep) -> None:
    partial = keep(Partial(samples.nothing))
    first = partial.addCallback(samples.nothing)
    first.addCallback(Partial(samples.add_callback_to, partial))

    partial()

    assert samples.NOTED == [("added while callbacks ran", None)]
    assert partial.state == COMPLETED


def test_a_partial_is_the_callback_of_one_partial_only(session: Session) -> None:
    callback = Partial(samples.nothing)
    Partial(samples.nothing).addCallback(callback)

    for used in (callback, session.queue.put(samples.nothing)):
        with pytest.raises(ValueError, match="is used already: make a new Partial"):
            Partial(samples.nothing).addCallback(used)
    with pytest.raises(ValueError, match="was put already: make a new Partial"):
        session.queue.put(callback)


def test_a_callable_that_no_other_process_could_call_is_no_callback() -> None:
    partial = Partial(samples.nothing)

    with pytest.raises(BadCallable):
        partial.addCallback(lambda result: None)
    with pytest.raises(BadCallable):
        partial.addCallbacks(failure=lambda result: None)
    assert partial.callbacks == ()


def stop_after(calls: int) -> Callable[..., object]:
    """Makes so many calls, then is interrupted as by the end of the process."""
    left = [calls]

    def invoke(call: Callable[..., object], *args: object, **kwargs: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return call(*args, **kwargs)

    return invoke


@pytest.mark.parametrize("calls", range(1, 7))
def test_callbacks_that_were_interrupted_resume_where_they_were(
    connect: Connect, calls: int
) -> None:
    one = connect()
    partial = one.keep(Partial(samples.note, "job"))
    for number in (1, 2):
        callback = partial.addCallbacks(Partial(samples.note, number))
        callback.addCallback(Partial(samples.note, number + 10))
    one.commit()
    with pytest.raises(KeyboardInterrupt):
        Performer(invoke=stop_after(calls)).perform_unclaimed(partial, (), {})
    one.close()

    other = connect()
    seen = other.same(partial)
    assert seen.state == CALLBACKS
    assert not is_done(seen)
    seen.resumeCallbacks()

    assert samples.NOTED == ["job", (1, "job"), (11, "job"), (2, "job"), (12, "job")]
    assert seen.state == COMPLETED
    assert is_done(seen)


def test_resuming_a_completed_partial_changes_nothing(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    partial.addCallback(Partial(samples.note, "once"))
    partial()

    partial.resumeCallbacks()
    partial.resumeCallbacks()

    assert samples.NOTED == [("once", None)]


def test_resuming_keeps_what_the_caller_had_changed(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    partial()
    session.root["before"] = "kept"

    partial.resumeCallbacks()

    session.abort()
    assert session.root["before"] == "kept"
