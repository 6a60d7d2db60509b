"""The pytest plugin: its fixtures do what they say, fail loudly, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import transaction

from tests.jobs import basic as jobs
from tests.jobs import kit as kit_jobs
from tests.support.gates import Gate
from tests.support.instance import ROOT
from zcasync import clock
from zcasync.interfaces import ACTIVE, PENDING, IDataManager, NotRunning
from zcasync.testing import FakeReactor, Story, drain
from zcasync.testing.process import is_gone
from zcasync.testing.supervisor import CONFIG, Supervisor
from zcasync.testing.waiting import wait_until

pytest_plugins = ["pytester", "zcasync.testing.plugin"]


pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with tests of an application that has enabled the plugin."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest('pytest_plugins = ["zcasync.testing.plugin"]')
    return pytester


# the data manager, the reactor and the story


def test_a_data_manager_is_fresh_and_found_by_the_adapter(zcasync_data_manager) -> None:
    root = zcasync_data_manager._p_jar.root()
    root["counter"] = jobs.Counter()
    transaction.commit()

    assert IDataManager(root["counter"]) is zcasync_data_manager
    assert (len(zcasync_data_manager.thread), len(zcasync_data_manager.workers)) == (0, 0)


def test_the_objects_that_a_test_leaves_are_gone_in_the_next_one(zcasync_data_manager) -> None:
    assert "counter" not in zcasync_data_manager._p_jar.root()


def test_drain_runs_what_is_due_on_the_clock_of_the_reactor(
    zcasync_data_manager, zcasync_reactor: FakeReactor
) -> None:
    later = zcasync_reactor.moment + timedelta(hours=1)
    partial = zcasync_data_manager.thread.put(jobs.nothing, later)
    assert drain(zcasync_data_manager) == []

    zcasync_reactor.time_flies(3600)

    assert drain(zcasync_data_manager) == [partial]


def test_a_story_performs_both_kinds_of_jobs(zcasync_data_manager, zcasync_story: Story) -> None:
    counter = zcasync_data_manager._p_jar.root()["counter"] = jobs.Counter()
    transaction.commit()
    in_thread = zcasync_data_manager.thread.put(counter.add)
    in_reactor = zcasync_data_manager.reactor.put(counter.add)
    transaction.commit()

    results = {zcasync_story.wait_for_result(one) for one in (in_thread, in_reactor)}

    assert results == {1, 2}
    assert counter.value == 2


def test_a_job_gets_the_fake_reactor_from_twisted(
    zcasync_data_manager, zcasync_story: Story, zcasync_reactor: FakeReactor
) -> None:
    partial = zcasync_data_manager.reactor.put(kit_jobs.sleep_an_hour)
    transaction.commit()
    zcasync_reactor.time_flies(60)
    transaction.begin()
    assert partial.state == ACTIVE

    zcasync_reactor.time_flies(3600)

    transaction.begin()
    assert partial.result == "an hour has passed"


def test_the_plugin_loads_no_reactor() -> None:
    code = (
        "import sys, zcasync.testing.plugin, zcasync.testing.supervisor\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# the supervisor


def test_a_supervisor_performs_jobs_in_a_child(zcasync_supervisor: Supervisor) -> None:
    partial = zcasync_supervisor.put(jobs.process)

    pid, _, _ = zcasync_supervisor.wait_for_result(partial)

    assert pid not in (os.getpid(), zcasync_supervisor.pid)
    completed = zcasync_supervisor.worker.completed
    assert zcasync_supervisor.wait_until(lambda: list(completed), "it to be retired") == [partial]
    assert zcasync_supervisor.wait_for_result(zcasync_supervisor.put(jobs.echo, 1)) == ((1,), {})


def test_a_killed_supervisor_can_be_started_again(
    zcasync_supervisor: Supervisor, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    oid = zcasync_supervisor.put(jobs.pass_gate, gate.path)._p_oid
    gate.wait_for()
    family = psutil.Process(zcasync_supervisor.pid).children(recursive=True)
    assert family
    zcasync_supervisor.kill()
    assert all(map(is_gone, family))
    with pytest.raises(NotRunning):
        _ = zcasync_supervisor.connection
    gate.open()
    zcasync_supervisor.start()
    again = zcasync_supervisor.connection.get(oid)
    assert isinstance(zcasync_supervisor.wait_for_result(again), int)


def test_a_failed_wait_says_what_it_saw(zcasync_make_supervisor) -> None:
    supervisor = zcasync_make_supervisor(children=0)
    partial = supervisor.put(jobs.nothing)

    with pytest.raises(AssertionError) as caught:
        supervisor.wait_for_result(partial, seconds=0.2)

    for evidence in ("nothing", PENDING, "attempts: 0", "zcasync ready", "its log"):
        assert evidence in str(caught.value)


def test_a_wait_ends_with_the_supervisor(zcasync_supervisor: Supervisor) -> None:
    partial = zcasync_supervisor.put(
        jobs.nothing, begin_after=clock.to_datetime(clock.now() + 10**12)
    )
    os.kill(zcasync_supervisor.pid, signal.SIGKILL)

    with pytest.raises(AssertionError, match="ended"):
        zcasync_supervisor.wait_for_result(partial, seconds=60)


def test_the_processes_that_a_dead_supervisor_has_left_are_waited_for(
    zcasync_supervisor: Supervisor,
) -> None:
    family = psutil.Process(zcasync_supervisor.pid).children(recursive=True)
    os.kill(zcasync_supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not zcasync_supervisor.is_alive, "the supervisor to end")

    zcasync_supervisor.stop()

    assert all(map(is_gone, family))


def test_a_supervisor_that_cannot_start_says_why(zcasync_make_supervisor) -> None:
    with pytest.raises(AssertionError, match="grace-periodd"):
        zcasync_make_supervisor(config=CONFIG.replace("period", "periodd"))


def test_supervisors_of_one_test_have_homes_of_their_own(
    zcasync_make_supervisor: Callable[..., Supervisor],
) -> None:
    first, second = zcasync_make_supervisor("first"), zcasync_make_supervisor("second", children=2)
    assert first.home != second.home
    assert first.worker.thread.size == 1
    first.close()
    assert second.worker.thread.size == 2


# as an application uses them


def test_a_supervisor_leaves_neither_a_process_nor_a_home(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        """
        import operator, pathlib

        def test_adding(zcasync_supervisor):
            pathlib.Path("home").write_text(f"{zcasync_supervisor.home}\\n{zcasync_supervisor.pid}")
            partial = zcasync_supervisor.put(operator.add, 1, 2)
            assert zcasync_supervisor.wait_for_result(partial) == 3
        """
    )

    inner.runpytest_subprocess().assert_outcomes(passed=1)

    home, pid = (inner.path / "home").read_text().split()
    assert not Path(home).parent.exists()
    assert is_gone(int(pid))


def test_a_failed_test_shows_the_log_of_its_supervisor(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        """
        def test_printing(zcasync_supervisor):
            zcasync_supervisor.wait_for_result(zcasync_supervisor.put(print, "from the job"))
            assert False
        """
    )

    result = inner.runpytest_subprocess()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- zcasync supervisor home -*", "*zcasync ready*", "*from the job*"]
    )


def test_a_supervisor_ends_with_the_tests_that_are_killed(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        """
        import os, pathlib, signal

        def test_crashing(zcasync_supervisor):
            pathlib.Path("home").write_text(f"{zcasync_supervisor.home}\\n{zcasync_supervisor.pid}")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )

    assert inner.runpytest_subprocess().ret == -signal.SIGKILL

    home, pid = (inner.path / "home").read_text().split()
    log = Path(home) / "log" / "zcasync.log"
    wait_until(lambda: is_gone(int(pid)), "the supervisor to end", seen=log.read_text)
    shutil.rmtree(Path(home).parent)  # nobody was left to do it
