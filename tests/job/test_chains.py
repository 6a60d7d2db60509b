"""Chains of any length: partials that return partials, and callbacks of callbacks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.jobs import chains, samples
from tests.support.forms import Form
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.completion import is_done
from zcasync.liveness.interruption import current_call
from zcasync.perform.performer import Performer

#: So deep no recursion may go in these tests, and so long are their chains.
FRAMES = 200
LINKS = 300


@pytest.fixture(autouse=True)
def shallow() -> Iterator[None]:
    """A chain is too long for any function that calls itself for each of its links."""
    before = sys.getrecursionlimit()
    depth = 0
    frame: Any = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + FRAMES)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture(params=["thread", "reactor", "batch"])
def form(request: pytest.FixtureRequest, session: Session) -> Form:
    """A worker that performs in each form."""
    return Form(session, request.param)


def waiting_chain(session: Session, links: int) -> list[Partial]:
    """Partials each of which waits for the next one; the last one waits in the queue."""
    partials = session.queue.put_many([samples.make_six for _ in range(links + 1)])
    session.commit()
    for partial in session.claim(links + 1):
        session.activate_claimed(partial)
    for partial, following in pairwise(partials):
        partial.wait_for(following)
    session.commit()
    return partials


# partials that wait for partials


def test_a_chain_of_any_length_has_the_result_of_its_end(form: Form) -> None:
    first = form.put(Partial.bind(chains.link, LINKS))

    form.run()

    form.session.sync()
    assert (first.state, first.result) == (COMPLETED, "the end")
    assert is_done(first)
    assert len(form.queue) == 0


def test_a_callback_and_one_that_was_chosen_of_two_begin_a_chain_too(form: Form) -> None:
    partial = Partial(samples.nothing)
    queue = form.queue
    plain = partial.addCallback(Partial(chains.link_in, queue, LINKS))
    chosen = partial.addCallbacks(Partial(chains.link_in, queue, LINKS))
    after = chosen.addCallback(samples.note)
    form.put(partial)

    form.run()

    form.session.sync()
    assert (plain.result, chosen.result) == ("the end", "the end")
    assert samples.NOTED == ["the end"]
    assert {one.state for one in (partial, plain, chosen, after)} == {COMPLETED}


def test_the_callbacks_of_every_link_are_run_once(session: Session) -> None:
    partials = waiting_chain(session, LINKS)
    for number, partial in enumerate(partials):
        partial.addCallback(Partial(samples.note, number))
    session.commit()

    Performer().perform(partials[-1])

    assert sorted(number for number, _ in samples.NOTED) == list(range(LINKS + 1))
    assert {partial.state for partial in partials} == {COMPLETED}
    assert {partial.result for partial in partials} == {6}


def test_many_that_wait_for_one_all_have_its_result(session: Session) -> None:
    partials = session.queue.put_many([samples.make_six for _ in range(LINKS)])
    session.commit()
    for partial in session.claim():
        session.activate_claimed(partial)
    for partial in partials[1:]:
        partial.wait_for(partials[0])
    session.commit()

    Performer().perform(partials[0])

    assert {partial.result for partial in partials} == {6}


def test_a_chain_whose_end_fails_has_the_failure(session: Session) -> None:
    partials = waiting_chain(session, LINKS)

    partials[-1].fail(ValueError("the end of it"))

    session.sync()
    assert {partial.result.type for partial in partials} == {ValueError}


def test_a_chain_that_was_interrupted_anywhere_goes_on_there(session: Session) -> None:
    partials = waiting_chain(session, LINKS)
    handed_on: list[Any] = []

    def invoke(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if len(handed_on) == LINKS // 2 and args:
            raise KeyboardInterrupt
        handed_on.append(call)
        return call(*args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        Performer(invoke=invoke).perform(partials[-1])
    session.sync()
    end = partials[-1]
    assert not is_done(end), "whoever retires it has to look again"
    assert current_call(end).stored_arguments[0] is partials[-LINKS // 2 - 1]

    Performer().run_callbacks(end)

    session.sync()
    assert {(partial.state, partial.result) for partial in partials} == {(COMPLETED, 6)}
    assert is_done(end)


def test_a_large_result_is_stored_once_for_all_that_wait_for_it(session: Session) -> None:
    partials = waiting_chain(session, 3)

    Performer(invoke=large_result).perform(partials[-1])

    assert len({id(partial.stored_result) for partial in partials}) == 1
    assert partials[0].result == "x" * 100_000


def large_result(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return "x" * 100_000 if call is samples.make_six else call(*args, **kwargs)


# cost


class Work:
    """Counts what a session does: records loaded, commits; and the most objects that it held."""

    def __init__(self, session: Session) -> None:
        self.loads = self.commits = self.most = 0
        cache = session.connection._cache
        load, commit = session.connection._storage.load, session.transactions.commit

        def counted_load(oid: bytes) -> Any:
            self.loads += 1
            return load(oid)

        def counted_commit() -> None:
            self.commits += 1
            self.most = max(self.most, len(cache))
            commit()

        session.connection._storage.load = counted_load
        session.transactions.commit = counted_commit


def work_of_chain(session: Session, links: int) -> Work:
    """What it takes to give a chain of so many links its result."""
    partials = waiting_chain(session, links)
    first, end = partials[0]._p_oid, partials[-1]
    del partials
    session.connection.cacheMinimize()
    work = Work(session)
    Performer().perform(end)
    assert session.connection.get(first).result == 6
    return work


def test_the_cost_of_a_chain_grows_with_its_length_and_its_memory_does_not(
    connect: Connect,
) -> None:
    short, long = work_of_chain(connect(), 1_000), work_of_chain(connect(), 10_000)

    assert long.loads < 12 * short.loads
    assert long.commits < 12 * short.commits
    assert long.most < 2 * short.most  # both vary with when garbage is collected


# callbacks of callbacks


def callback_chain(partial: Partial, links: int, call: Any = samples.give_back) -> Partial:
    """Add a callback to a partial, one to that, and so on; the last one."""
    for _ in range(links):
        partial = partial.addCallback(Partial(call))
    return partial


@pytest.mark.parametrize("is_stored", [True, False])
def test_callbacks_of_callbacks_run_to_any_depth(session: Session, is_stored: bool) -> None:
    partial = Partial(samples.make_six)
    if is_stored:
        session.keep(partial)
    last = callback_chain(partial, LINKS)
    assert partial() == 6

    assert (last.state, last.result, partial.state) == (COMPLETED, 6, COMPLETED)
    assert is_done(partial)


def test_callbacks_of_callbacks_are_put_together(form: Form) -> None:
    partial = Partial(samples.make_six)
    last = callback_chain(partial, LINKS)
    form.put(partial)
    assert last._p_jar is not None

    form.run()

    form.session.sync()
    assert (last.result, partial.state) == (6, COMPLETED)


def test_chosen_callbacks_run_to_any_depth(session: Session) -> None:
    """Each has another one that is chosen when it has its result."""
    first = session.keep(Partial(samples.make_six))
    partial, ends = first, []
    for _ in range(LINKS):
        chosen = Partial(samples.give_back)
        ends.append(partial.addCallbacks(chosen))
        partial = chosen
    session.commit()

    assert first() == 6
    assert {(one.state, one.result) for one in [*ends, partial]} == {(COMPLETED, 6)}
    assert first.state == COMPLETED


def work_of_callbacks(session: Session, links: int) -> Work:
    """What it takes to run so many callbacks of callbacks."""
    partial = session.keep(Partial(samples.make_six))
    callback_chain(partial, links)
    session.commit()
    session.connection.cacheMinimize()
    work = Work(session)
    partial()
    return work


def test_the_cost_of_callbacks_of_callbacks_grows_with_their_number(connect: Connect) -> None:
    short, long = work_of_callbacks(connect(), 500), work_of_callbacks(connect(), 2_000)

    assert long.loads < 5 * short.loads
    assert long.commits < 5 * short.commits
    assert long.most < 2 * short.most  # both vary with when garbage is collected


def test_an_error_that_nobody_has_handled_is_found_at_any_depth(session: Session) -> None:
    partial = Partial(samples.raise_value_error)
    last = callback_chain(partial, LINKS)
    partial()

    assert partial.unhandled_error
    last.addCallback(samples.handle)
    assert not partial.unhandled_error


def test_a_callback_that_came_in_the_last_moment_is_found_at_any_depth(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    last = callback_chain(partial, LINKS)
    session.commit()
    partial()
    late = Partial(samples.note)
    late.become_callback_of(last)
    last.ensure_sidecar().callbacks += (late,)
    session.commit()
    assert (last.state, late.state) == (COMPLETED, PENDING)
    assert not is_done(partial)
    assert current_call(partial) is late

    Performer().run_callbacks(partial)

    assert samples.NOTED == [None]
    assert is_done(partial)


def test_a_partial_that_is_waited_for_by_one_that_was_ended_is_done(session: Session) -> None:
    partials = waiting_chain(session, LINKS)
    middle = partials[LINKS // 2]
    middle.fail(ValueError("no longer wanted"))
    session.sync()
    assert partials[0].result.type is ValueError
    assert partials[LINKS // 2 + 1].state == ACTIVE

    Performer().perform(partials[-1])

    session.sync()
    assert partials[LINKS // 2 + 1].result == 6
    assert middle.result.type is ValueError
    assert CALLBACKS not in {partial.state for partial in partials}
