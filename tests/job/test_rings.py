"""Waits that could never end: rings of partials, and orphans, which nobody will ever call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from ZODB.POSException import ConflictError

from tests.jobs import chains, samples
from tests.jobs.chains import Node
from tests.support.forms import Form
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import BadStateError
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.completion import is_done
from zcasync.perform.performer import Performer
from zcasync.perform.result import accept


@pytest.fixture(params=["thread", "reactor", "batch"])
def form(request: pytest.FixtureRequest, session: Session) -> Form:
    """A worker that performs in each form."""
    return Form(session, request.param)


def ring(form: Form, length: int) -> list[Partial]:
    """Partials that wait in the queue; each returns the next one, and the last one the first."""
    nodes = [Node() for _ in range(length)]
    partials = [form.queue.put(node.follow, batch=form.name == "batch") for node in nodes]
    for number, node in enumerate(nodes):
        node.following = partials[(number + 1) % length]
    form.session.commit()
    return partials


def assert_refused(partials: list[Partial], text: str) -> None:
    """All have ended with the same failure."""
    assert {partial.state for partial in partials} == {COMPLETED}
    for partial in partials:
        assert partial.result.type is BadStateError
        assert text in partial.result.getErrorMessage()


# rings


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("length", [2, 3, 300])
def test_a_ring_ends_with_a_failure_of_the_one_that_closes_it(
    form: Form, length: int, limit: int
) -> None:
    partials = ring(form, length)

    form.run(limit)

    form.session.sync()
    assert_refused(partials, "which waits for it")
    assert sum(partial.failed_attempts for partial in partials) == 1, "the others only have it too"


def test_a_ring_is_closed_by_whichever_comes_last(session: Session) -> None:
    form = Form(session, "thread")
    partials = ring(form, 5)
    taken = form.queue.claim(form.worker.UUID.bytes, 5).partials
    for partial in taken:
        partial.assign(form.incarnation)
    session.commit()

    for number in (3, 1, 4, 0):
        Performer().perform_claimed(partials[number], form.incarnation)
        assert partials[number].state == ACTIVE
    Performer().perform_claimed(partials[2], form.incarnation)

    assert_refused(partials, "which waits for it")
    assert partials[2].failed_attempts == 1


def test_one_that_waits_for_a_ring_ends_with_it(form: Form) -> None:
    partials = ring(form, 2)
    outside = form.put(Partial(samples.give_back, partials[0]))

    form.run()

    form.session.sync()
    assert_refused([*partials, outside], "which waits for it")


def test_a_partial_cannot_wait_for_a_callback_of_its_own(form: Form) -> None:
    partial = form.put(Partial.bind(chains.own_callback))

    form.run()

    form.session.sync()
    assert_refused([partial], "which waits for it")


def test_a_callback_may_wait_for_a_later_callback_and_closes_no_ring(form: Form) -> None:
    node = Node()
    partial = Partial(samples.make_six)
    first = partial.addCallback(node.follow)
    node.following = partial.addCallback(samples.multiply)
    form.put(partial)

    form.run()

    form.session.sync()
    assert (first.result, node.following.result, partial.state) == (6, 6, COMPLETED)


def test_a_callback_that_closes_a_ring_has_the_failure(form: Form) -> None:
    """The callback returns a partial that returns the callback."""
    node = Node()
    partial = Partial(samples.nothing)
    inner = form.put(node.follow)
    callback = node.following = partial.addCallback(Partial(chains.give, inner))
    form.put(partial)

    form.run()

    form.session.sync()
    assert_refused([inner, callback], "which waits for it")
    assert partial.state == COMPLETED


def test_a_deferred_may_not_close_a_ring_either(session: Session) -> None:
    held: list[Any] = []
    performer = Performer(hold=lambda partial, deferred: held.append(deferred))
    partial = session.keep(Partial(Deferred))
    performer.perform_unclaimed(partial, (), {})
    outer = session.queue.put(Partial(samples.give_back, partial))
    session.commit()
    session.activate(outer)
    performer.perform(outer)
    assert outer.state == ACTIVE

    performer.settle(partial, outer)

    assert_refused([partial, outer], "which waits for it")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("others", [0, 1, 3])
def test_two_that_close_a_ring_at_once_conflict_and_the_second_has_the_failure(
    connect: Connect, first: int, others: int
) -> None:
    """Each sees that the other one does not wait yet; partials that wait stand between them."""
    here, there = connect(), connect()
    mine, yours = activated(here, 2)
    between_one, between_two = activated(here, others), activated(here, others)
    for line in ([*between_one, yours], [*between_two, mine]):
        for partial, following in pairwise(line):
            partial.wait_for(following)
    here.commit()
    there.sync()
    calls = [
        (here, mine, (*between_one, yours)[0]),
        (there, there.same(yours), there.same((*between_two, mine)[0])),
    ]
    for _, partial, awaited in calls:
        accept(partial, awaited)
    calls[first][0].commit()
    other, partial, awaited = calls[1 - first]

    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    with pytest.raises(BadStateError, match="which waits for it"):
        accept(partial, awaited)


def activated(session: Session, count: int) -> list[Partial]:
    """So many partials that an engine has claimed."""
    partials = session.queue.put_many([samples.nothing for _ in range(count)])
    session.commit()
    for partial in session.claim():
        session.activate_claimed(partial)
    session.commit()
    return partials


@pytest.mark.parametrize("way", ["addCallback", "addCallbacks"])
def test_a_partial_cannot_be_its_own_callback(way: str) -> None:
    one, other = Partial(samples.nothing), Partial(samples.nothing)
    with pytest.raises(BadStateError, match="which is called after it"):
        getattr(one, way)(one)
    one = Partial(samples.nothing)
    other.addCallback(samples.nothing).addCallbacks(one)

    with pytest.raises(BadStateError, match="which is called after it"):
        getattr(one, way)(other)


# orphans


@pytest.mark.parametrize("call", [chains.orphan, chains.orphans_callback])
def test_a_returned_partial_that_is_in_no_queue_is_refused(
    form: Form, call: Callable[..., Partial]
) -> None:
    partial = form.put(call)

    form.run()

    form.session.sync()
    assert_refused([partial], "is in no queue")


@pytest.mark.parametrize("call", [chains.orphan, chains.orphans_callback])
def test_a_callback_that_returns_one_has_the_failure(
    form: Form, call: Callable[..., Partial]
) -> None:
    partial = Partial(samples.nothing)
    plain, chosen = partial.addCallback(call), partial.addCallbacks(call)
    form.put(partial)

    form.run()

    form.session.sync()
    assert_refused([plain, chosen], "is in no queue")
    assert partial.state == COMPLETED


def test_a_direct_call_that_returns_one_has_the_failure() -> None:
    partial = Partial(chains.orphan)
    partial()

    assert_refused([partial], "is in no queue")


def test_a_deferred_that_fires_with_one_is_a_failure(session: Session) -> None:
    performer = Performer(hold=lambda partial, deferred: None)
    partial = session.keep(Partial(Deferred))
    performer.perform_unclaimed(partial, (), {})

    performer.settle(partial, Partial(samples.nothing))

    assert_refused([partial], "is in no queue")


def test_one_of_two_that_was_not_chosen_will_not_be_called(session: Session) -> None:
    node = Node()
    partial = session.keep(Partial(samples.make_six))
    node.following = Partial(samples.nothing)
    partial.addCallbacks(Partial(chains.other_choice, node), node.following)

    partial()

    [either] = partial.callbacks
    assert_refused([either], "is in no queue")


def test_a_partial_that_was_pulled_is_called_by_whoever_has_pulled_it(form: Form) -> None:
    partial = form.put(Partial.bind(chains.put_and_pull))

    form.run()

    form.session.sync()
    assert partial.state == ACTIVE
    assert partial.waits_for() == 7
    assert (partial.state, partial.result) == (COMPLETED, 7)


def test_a_callback_that_will_be_called_can_be_waited_for(form: Form) -> None:
    other = Partial(samples.make_six)
    callback = other.addCallback(samples.note).addCallbacks(samples.make_seven)
    partial = form.put(Partial(samples.give_back, callback))
    form.put(other)

    form.run()

    form.session.sync()
    assert partial.result == 7


# handing on that fails


def handing_on(session: Session) -> list[Partial]:
    """One that waits, one that it waits for, and the callback that hands the result on."""
    waiting, awaited = activated(session, 2)
    waiting.addCallback(samples.note)
    waiting.wait_for(awaited)
    session.commit()
    return [waiting, awaited, *awaited.callbacks]


def performer_that_fails_at(waiting: Partial) -> Performer:
    """Its handing on of a result to this one fails."""

    def invoke(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if args and args[0] is waiting:
            raise ZeroDivisionError("in the middle of it")
        return call(*args, **kwargs)

    return Performer(invoke=invoke)


def test_who_waits_has_the_failure_of_a_handing_on_that_raises(session: Session) -> None:
    waiting, awaited, adoption = handing_on(session)

    performer_that_fails_at(waiting).perform(awaited)

    assert adoption.result.type is ZeroDivisionError
    assert (waiting.state, waiting.result.type) == (COMPLETED, ZeroDivisionError)
    assert [noted.type for noted in samples.NOTED] == [ZeroDivisionError], "its callbacks run"
    assert is_done(awaited)
    assert PENDING not in {one.state for one in (waiting, awaited, adoption)}


def test_who_has_its_result_keeps_it_when_a_handing_on_fails(session: Session) -> None:
    waiting, awaited, adoption = handing_on(session)
    waiting.fail(ValueError("no longer wanted"))

    performer_that_fails_at(waiting).perform(awaited)

    assert adoption.result.type is ZeroDivisionError
    assert waiting.result.type is ValueError
