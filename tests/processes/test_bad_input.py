"""Jobs that cannot work: each gets an answer, and the jobs behind it run."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import ForeignError, UnstorableError
from zcasync.job.history import AttemptHistory
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

OUTPUT_LINES = 1000  # the default of the setting


@pytest.fixture(autouse=True)
def the_jobs_behind_it_run(client: Client) -> Iterator[None]:
    """Whatever the test has put, the next job runs."""
    yield
    client.transactions.abort()
    assert client.wait_for(client.put(jobs.echo, "behind")) == (("behind",), {})


def test_a_callable_that_has_vanished_is_waited_for(client: Client) -> None:
    partial = Partial(jobs.nothing)
    partial._call = "tests.vanished:function"
    client.manager.thread.put(partial)
    client.commit()
    client.wait_until(lambda: partial.aside, "the job to be set aside")
    assert partial.aside.text.startswith("no such function here: tests.vanished.function (")
    client.manager.thread.discard([partial])
    client.commit()


@pytest.mark.leaves("broken")
def test_a_partial_of_a_class_of_the_application_stays_set_aside(
    make_instance: Callable[..., Instance], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from zcasync.partial import Partial\n\n\nclass Special(Partial):\n    pass\n"
    (folder / "vanishing.py").write_text(code)
    vanishing = types.ModuleType("vanishing")
    exec(code, vanishing.__dict__)
    monkeypatch.setitem(sys.modules, "vanishing", vanishing)
    instance = make_instance().start()
    client = instance.client
    special = client.manager.thread.put(Partial(jobs.echo, 1))
    special.__class__ = vanishing.Special  # as an earlier release would have taken it
    behind = client.manager.thread.put(jobs.process)
    client.commit()
    client.wait_for(behind)
    assert special.state == "pending"
    said = f"job {id_of(special)} cannot be used and is set aside: "
    assert f"{said}its class vanishing.Special cannot be imported" in instance.log
    assert instance.stop() == 0
    instance.import_path.append(folder)
    client = instance.start().client
    client.wait_for(client.put(jobs.process))
    assert client.connection.get(special._p_oid).state == "pending"
    assert instance.require_no_imports() is None


def test_a_killed_job_whose_history_is_missing_runs_again(
    common: Instance, client: Client, gate: Gate
) -> None:
    """The history is evidence: the pass that recovers the job makes a new one."""
    partial = Partial(jobs.pass_gate, gate.path)
    client.manager.thread.put(partial)
    client.commit()
    missing = AttemptHistory.__new__(AttemptHistory)
    client.connection._cache.new_ghost(client.connection.new_oid(), missing)
    child = gate.wait_for()
    client.sync()
    partial._history = missing
    client.commit()
    os.kill(child, signal.SIGKILL)
    gate.open()
    assert client.wait_for(partial) > 0
    (attempt,) = partial.failed_before
    assert "SIGKILL" in attempt.message


def test_a_result_that_cannot_be_pickled_becomes_a_failure(client: Client) -> None:
    failure = client.wait_for(client.put(jobs.return_lock))
    assert failure.type is UnstorableError
    assert "lock" in failure.getErrorMessage()


def test_a_result_that_could_not_be_loaded_again_becomes_a_failure(client: Client) -> None:
    failure = client.wait_for(client.put(jobs.return_unloadable))
    assert failure.type is UnstorableError
    assert "not loaded again" in failure.getErrorMessage()


def test_an_exception_that_could_not_be_loaded_again_is_told_by_its_name(client: Client) -> None:
    failure = client.wait_for(client.put(jobs.raise_two_arguments))
    assert failure.type == "tests.jobs.samples.TwoArguments"
    assert failure.check("tests.jobs.samples.TwoArguments")
    assert isinstance(failure.value, ForeignError)
    assert failure.getErrorMessage() == "1: two"
    assert "in raise_two_arguments" in failure.getTraceback()
    assert pickle.loads(pickle.dumps(failure)).getTraceback() == failure.getTraceback()


def test_a_result_of_5_megabytes_is_stored(client: Client) -> None:
    result = client.wait_for(client.put(jobs.return_bytes, 5_000_000))
    assert result == b"x" * 5_000_000


def test_a_message_of_10_megabytes_keeps_its_beginning_and_its_end(client: Client) -> None:
    failure = client.wait_for(client.put(jobs.raise_long, 10_000_000))
    message = failure.getErrorMessage()
    assert message.startswith("beginning xxx")
    assert message.endswith("xxx end")
    assert len(message) < 20_000
    assert len(failure.getTraceback()) < 100_000


def test_system_exit_is_a_failure_and_the_child_lives(common: Instance, client: Client) -> None:
    before = common.child_pids()
    failure = client.wait_for(client.put(jobs.raise_exit))
    assert failure.check(SystemExit)
    assert common.child_pids() == before


def test_100000_printed_lines_end_a_job_no_later_and_the_log_is_bounded(
    common: Instance, client: Client
) -> None:
    partial = client.put(jobs.print_lines, 100_000)
    assert client.wait_for(partial, timeout=60) == 100_000
    job = f"job {id_of(partial)}:"
    left_out = f"{job} {100_001 - OUTPUT_LINES} more lines are not shown"
    wait_until(lambda: left_out in common.log, left_out, seen=lambda: common.log[-2000:])
    lines = [line for line in common.log.splitlines() if job in line]
    assert lines[0].endswith(f"{job} line 0")
    assert len(lines) == OUTPUT_LINES + 1


def test_output_is_logged_with_the_job_that_wrote_it(common: Instance, client: Client) -> None:
    first, second = client.put(jobs.print_lines, 2), client.put(jobs.system_echo, "by a program")
    client.wait_for(first, second)
    for expected in (
        f"job {id_of(first)}: line 1",
        f"job {id_of(first)}: to stderr",
        f"job {id_of(second)}: by a program",
    ):
        wait_until(lambda said=expected: said in common.log, expected, seen=lambda: common.log)
