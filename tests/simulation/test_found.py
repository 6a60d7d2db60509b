"""Histories that ended badly once, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.twists import Twist
from tests.simulation.world import STEP_SECONDS
from zcasync.interfaces import CALLBACKS

Begin = Callable[..., History]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins a history with one supervisor, whose children are ready."""
    histories = []

    def made(children: int = 1, apart: bool = False) -> History:
        history = History(apart)
        histories.append(history)
        history.restart(0)
        history.set_size(0, children)
        for _ in range(3):
            history.make_pass(0)
        assert [child.state for child in history.world.children] == ["idle"] * children
        return history

    yield made
    for history in histories:
        history.close()


def interruptions(history: History) -> list[int]:
    """Of each job."""
    history.world.reader.sync()
    return [history.world.reader.partial(job.oid)._interruptions for job in history.expected.jobs]


@pytest.mark.parametrize("kind", ["counts", "once"])
def test_a_death_after_the_last_callback_interrupts_nothing(begin: Begin, kind: str) -> None:
    history = begin()
    history.put([kind])
    history.add_callback(0, "kills, once")
    history.make_pass(0)
    history.work(0)  # the callback kills the child ...
    history.make_pass(0)  # ... and may not begin again
    history.make_pass(0)
    history.work(0, history.plan("crash before", 0, 0))  # at the commit that says so
    history.make_pass(0)
    history.expected.look()

    Rest(history).come_to_rest()

    assert interruptions(history) == [0]


def test_a_callback_after_a_deferred_takes_no_attempt_from_the_next_job(begin: Begin) -> None:
    history = begin()
    history.put(["defers"])
    history.add_callback(0, "kills twice")
    history.make_pass(0)
    history.work(0)  # to the Deferred
    history.make_pass(0)
    history.put(["counts"])
    history.make_pass(0)
    history.fire(0)
    history.work(0)  # to the callback, which kills the child that has the other one in hand

    Rest(history).come_to_rest()

    assert interruptions(history) == [0, 0]


def test_callbacks_go_on_although_their_slot_is_given_up(begin: Begin) -> None:
    history = begin(children=2)
    history.put(["counts", "counts"])
    for number in range(2):
        history.add_callback(number, "kills twice")
    history.make_pass(0)
    for _ in range(2):
        history.work(0)  # to the callback, which kills the child
    history.set_size(0, 1)

    Rest(history).come_to_rest()


def test_a_death_behind_a_commit_takes_no_attempt_from_what_is_taken_over(begin: Begin) -> None:
    history = begin()
    history.put(["fails at first, patient"])
    history.make_pass(0)
    history.work(0, history.plan("crash after", 0, 0))  # it is put off, and its child dead
    history.put(["kills, once"], 1, worker=(1, True))
    history.add_callback(1)
    history.restart(1)
    history.set_size(1, 1)
    for _ in range(3):
        history.make_pass(1)
    history.work(0)  # that kills this child
    history.kill(1)
    history.world.advance(STEP_SECONDS)  # both are seen by one pass

    Rest(history).come_to_rest()

    (_, job), reader = history.expected.jobs, history.world.reader
    assert interruptions(history) == [0, 1]
    assert [reader.partial(one.oid)._interruptions for one in job.callbacks] == [0]


@pytest.mark.parametrize("kind", ["once", "reactor once"])
def test_a_job_sees_what_was_committed_with_it_in_another_database(begin: Begin, kind: str) -> None:
    history = begin(apart=True)
    for process in history.world.processes():
        process.databases.be_late()
    history.put([kind])
    (job,) = history.expected.jobs
    history.world.alive()[0].databases._storages[-1].ping()  # it has heard of the job
    history.make_pass(0)
    history.work(0)
    history.work_in_reactor(0)

    history.world.reader.sync()
    assert history.world.reader.partial(job.oid).result == 1


@pytest.mark.parametrize("kind", ["once", "detached", "reactor once"])
def test_a_job_whose_claim_is_undone_as_it_begins_waits_again(begin: Begin, kind: str) -> None:
    history = begin()
    server = history.world.servers[-1]
    history.put([kind])
    history.make_pass(0)
    claim = server.log[-1][0]
    undone: list[bool] = []
    twist = Twist(0, "before", lambda actor: undone.append(server.undo(claim)))
    history.work(0, twist)
    history.work_in_reactor(0, twist)

    assert undone == [True]
    history.expected.look()
    Rest(history).come_to_rest()


@pytest.mark.parametrize("worker", [None, (1, True)])
@pytest.mark.parametrize("plan", ["crash after", "crash before"])
def test_an_application_dies_when_it_has_made_a_job_fail(
    begin: Begin, plan: str, worker: tuple[int, bool] | None
) -> None:
    history = begin()
    history.put(["counts"], worker=worker)
    history.add_callback(0)
    history.fail(0, history.plan(plan, ["crash after", "crash before"].index(plan), 0))
    (job,) = history.expected.jobs
    history.world.reader.sync()
    assert history.world.reader.partial(job.oid).state == CALLBACKS
    history.expected.look()
    Rest(history).come_to_rest()
