"""Jobs that harm the process that runs them: they end once, and those after them run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.jobs import basic
from tests.jobs import process_acts as acts
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, running
from zcasync.interfaces import AbortedError
from zcasync.job.ids import hex_oid
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: Ten jobs after an act take milliseconds, or the boot of a child where there is no spare one; the
#: machine may be busy with others.
TEN_SECONDS = 20.0


@pytest.fixture(scope="module")
def one_child() -> Iterator[Instance]:
    """A supervisor with one child, so that a job's successors run where it ran."""
    with running() as instance:
        instance.worker().thread.size = 1
        instance.client.commit()
        instance.wait_for_children(1)
        yield instance


@pytest.fixture
def worker(one_child: Instance) -> Iterator[Client]:
    """A client of that supervisor, which has to be as it was after the test."""
    assert one_child.is_alive, one_child.evidence()
    one_child.wait_for_children(1, "idle")
    client = one_child.client
    client.sync()
    yield client
    ten_more(client)
    one_child.wait_for_children(1, "idle")
    assert not one_child.status()["boot_problem"], one_child.evidence()


def ten_more(client: Client) -> None:
    """Ten jobs more are done, in time, each at its first attempt."""
    partials = [client.put(acts.nothing) for _ in range(10)]
    client.wait_for(*partials, timeout=TEN_SECONDS)
    assert {partial.attempts for partial in partials} == {1}


def perform(client: Client, act: Callable[..., object], *args: object, others: int = 10) -> Partial:
    """Perform an act and, at once behind it, jobs that must not pay for it; return its partial."""
    partial = client.manager.thread.put(Partial(act, *args))
    behind = client.manager.thread.put_many(Partial(acts.nothing) for _ in range(others))
    client.commit()
    client.wait_for(partial, *behind, timeout=60)
    assert {one.attempts for one in behind} <= {1}
    return partial


# streams


def test_stdin_is_at_its_end(worker: Client) -> None:
    assert worker.wait_for(worker.put(acts.reads_stdin)) == ("", "")


STREAM_ACTS = [
    acts.closes_streams,
    acts.detaches_streams,
    acts.rewraps_streams,
    acts.leaves_closed_files,
    acts.deletes_streams,
    acts.closes_standard_files,
    acts.puts_files_over_the_standard_ones,
    acts.makes_streams_not_blocking,
]


@pytest.mark.parametrize("act", STREAM_ACTS, ids=lambda act: act.__name__)
def test_the_next_job_has_streams_again(
    one_child: Instance, worker: Client, act: Callable[..., object]
) -> None:
    before = one_child.child_pids()
    partial = perform(worker, act)
    assert partial.result is None
    assert partial.attempts == 1
    text = f"after {act.__name__}"
    after = worker.put(acts.prints, text)
    assert worker.wait_for(after) == ""
    assert one_child.child_pids() == before  # it needs no other child for that

    def logged() -> list[str]:
        own = f" job {hex_oid(after._p_oid)}: "
        return [line for line in one_child.log.splitlines() if text in line and own in line]

    wait_until(lambda: len(logged()) == 3, "its lines in the log", seen=one_child.evidence)


@pytest.mark.parametrize("act", STREAM_ACTS, ids=lambda act: act.__name__)
def test_those_that_share_a_commit_have_streams_too(
    worker: Client, act: Callable[..., object]
) -> None:
    calls = [Partial(acts.nothing), Partial(act), *(Partial(acts.says, "said") for _ in range(10))]
    partials = list(worker.manager.thread.put_many(calls, batch=True))
    worker.commit()
    worker.wait_for(*partials)
    assert [one.result for one in partials[1:]] == [None, *["said"] * 10]
    assert {one.attempts for one in partials} == {1}


# files


@pytest.mark.parametrize(
    "act", [acts.closes_the_usual_numbers, acts.puts_a_file_over_the_usual_numbers]
)
def test_files_of_a_usual_number_are_no_files_of_the_child(
    one_child: Instance, worker: Client, act: Callable[..., object]
) -> None:
    before = one_child.child_pids()
    partial = perform(worker, act)
    assert (partial.result, partial.attempts) == (None, 1)
    assert one_child.child_pids() == before


@pytest.mark.parametrize("act", ["closes_all_files", "closes_every_file", "closes_sockets"])
def test_a_job_that_closes_all_files_is_interrupted_itself(worker: Client, act: str) -> None:
    counter = worker.add(act, acts.Counter())
    partial = worker.manager.thread.put(Partial(counter.add_then, act))
    partial._interruptions = 8  # of ten
    behind = worker.manager.thread.put_many(Partial(acts.nothing) for _ in range(10))
    worker.commit()
    failure = worker.wait_for(partial, timeout=60)
    worker.wait_for(*behind)
    assert "interrupted 10 times" in failure.getErrorMessage()
    if act != "closes_every_file":
        assert "closed" in "\n".join(failure.evidence["output"])
    assert {one.attempts for one in behind} == {1}
    worker.sync()
    assert counter.value == 0


def test_a_job_that_closes_all_files_and_goes_on_is_found_out(worker: Client, gate: Gate) -> None:
    partial = worker.manager.thread.put(Partial(acts.closes_all_files_and_goes_on, gate.path))
    partial._interruptions = 9  # the next one is the last
    worker.commit()
    failure = worker.wait_for(partial, timeout=60)
    assert "exited with 71" in failure.getErrorMessage()  # nobody had to kill it
    assert "were closed" in failure.getTraceback()


# threads


def test_the_end_of_a_thread_in_odd_places_is_the_jobs_own_error(worker: Client) -> None:
    for act in (acts.exits_thread, acts.returns_what_exits):
        partial = perform(worker, act)
        assert partial.result.check(SystemExit, "zcasync.errors.UnstorableError"), partial.result


@pytest.mark.parametrize(
    "act", [acts.leaves_exit_for_the_report, acts.leaves_what_cannot_be_printed]
)
def test_the_end_of_the_jobs_thread_is_the_end_of_the_process(
    one_child: Instance, worker: Client, act: Callable[..., object]
) -> None:
    (before,) = one_child.child_pids()
    partial = worker.put(act)
    assert worker.wait_for(partial) is None
    assert partial.attempts == 1
    wait_until(lambda: is_gone(before), "the end of the process", seen=one_child.evidence)
    wait_until(lambda: before not in one_child.child_pids(), "another child")
    assert "exited with 70" in one_child.log


@pytest.mark.parametrize(
    "act",
    [
        acts.stops_reactor,
        acts.crashes_reactor,
        acts.leaves_thread_that_is_no_daemon_and_crashes_reactor,
    ],
)
def test_the_end_of_the_reactor_is_the_end_of_the_process(
    one_child: Instance, worker: Client, act: Callable[..., object]
) -> None:
    (before,) = one_child.child_pids()
    partial = worker.manager.thread.put(Partial(act))
    partial._interruptions = 9  # the next one is the last
    worker.commit()
    worker.wait_for(partial)
    assert partial.result is None or partial.result.check(AbortedError)
    wait_until(lambda: is_gone(before), "the end of the process", seen=one_child.evidence)
    wait_until(lambda: before not in one_child.child_pids(), "another child")


def test_an_exception_that_is_raised_in_the_thread_late_harms_nobody(
    one_child: Instance, worker: Client, gate: Gate
) -> None:
    before = one_child.child_pids()
    worker.wait_for(worker.put(acts.is_interrupted_late, gate.path))
    gate.open()
    Gate(f"{gate.path}.raised").wait_for()
    ten_more(worker)
    assert one_child.child_pids() == before


def test_an_exit_in_the_reactor_harms_nobody(worker: Client) -> None:
    assert perform(worker, acts.exits_in_main_thread).result is None


# forks


@pytest.mark.parametrize(
    ("act", "result"),
    [
        ("returns_twice", "parent"),
        ("returns_and_raises", "parent"),
        ("returns_and_exits", 7),
        ("commits_twice", "parent"),
        ("forks_in_reactor", True),
    ],
)
def test_a_copy_ends_where_the_call_returns(
    one_child: Instance, worker: Client, act: str, result: object
) -> None:
    before = one_child.child_pids()
    counter = worker.add(act, acts.Counter())
    partial = perform(worker, counter.add_then, act)
    assert (partial.result, partial.attempts) == (result, 1)
    assert counter.value == 1
    assert one_child.child_pids() == before
    wait_until(lambda: not living_children(before[0]), "the copy to end")


@pytest.mark.parametrize("act", [acts.forgets_copy, acts.forgets_daemon])
def test_a_copy_that_is_forgotten_ends_with_its_job(
    one_child: Instance, worker: Client, gate: Gate, act: Callable[..., object]
) -> None:
    before = one_child.child_pids()
    partial = worker.put(act, gate.path)
    gate.wait_for(2)
    copies = set(gate.arrivals()) - set(before)
    gate.open()
    assert worker.wait_for(partial) == "parent"
    wait_until(lambda: all(is_gone(pid) for pid in copies), "the copy to end")
    assert one_child.child_pids() == before


def test_a_copy_that_is_forgotten_ends_with_its_child(
    one_child: Instance, worker: Client, gate: Gate
) -> None:
    (victim,) = one_child.child_pids()
    partial = worker.put(acts.forgets_daemon, gate.path)
    gate.wait_for(2)
    copies = set(gate.arrivals()) - {victim}
    psutil.Process(victim).kill()
    wait_until(lambda: all(is_gone(pid) for pid in copies), "the copy to end")
    gate.open()
    assert worker.wait_for(partial) == "parent"


def living_children(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children() if not is_gone(one)]


def test_a_copy_in_a_batch_ends_too(worker: Client) -> None:
    counter = worker.add("batch", acts.Counter())
    calls = [Partial(counter.add_then, "returns_twice") for _ in range(5)]
    partials = list(worker.manager.thread.put_many(calls, batch=True))
    worker.commit()
    assert worker.wait_for(*partials) == ["parent"] * 5
    assert counter.value == 5


# signals


def test_handlers_that_a_job_has_changed_are_put_back(one_child: Instance, worker: Client) -> None:
    before = one_child.child_pids()
    assert perform(worker, acts.changes_handlers).result is None
    assert worker.wait_for(worker.put(acts.sees_handlers)) == []
    assert worker.wait_for(worker.put(basic.Counter().add_slowly, 1.5)) == 1  # no alarm
    assert worker.wait_for(worker.put(acts.runs_twisted_process)) == "said\n"
    assert one_child.child_pids() == before


def test_a_job_with_changes_in_two_connections_of_a_database_ends(client: Client) -> None:
    """Each would wait for the other to have committed."""
    counter = client.add("two connections", acts.Counter())
    for queue in ("thread", "reactor"):
        failure = client.wait_for(client.put(acts.changes_in_two_connections, counter, queue=queue))
        assert "in two connections of one database" in failure.getErrorMessage()
    client.wait_for(*client.put_many(acts.nothing, 10))
