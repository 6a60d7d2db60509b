"""Processes and threads that jobs start: each kind works in a child, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.jobs import process_acts as acts
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.testing.process import is_gone


@pytest.mark.parametrize(
    ("act", "args", "result"),
    [
        (acts.runs_subprocess, (), (3, "said\n")),
        (acts.runs_subprocess_with_preexec, (), "said\n"),
        (acts.runs_multiprocessing, ("spawn",), [1, 4, 9]),
        (acts.runs_multiprocessing, ("forkserver",), [1, 4, 9]),
        (acts.runs_multiprocessing, ("fork",), [1, 4, 9]),
        (acts.runs_executor, ("ThreadPoolExecutor",), [1, 4, 9]),
        (acts.runs_executor, ("ProcessPoolExecutor",), [1, 4, 9]),
        (acts.keeps_executor, (), 25),
        (acts.runs_asyncio, (), ("said\n", 3)),
        (acts.runs_twisted_process, (), "said\n"),
        (acts.returns_twisted_process, (), (b"", b"", 3)),
        (acts.returns_forked_twisted_process, (), (b"", b"", 3)),
    ],
)
def test_what_a_job_starts_works_time_after_time(
    client: Client, act: Callable[..., object], args: tuple[str, ...], result: object
) -> None:
    partials = [client.put(act, *args) for _ in range(4)]
    assert client.wait_for(*partials) == [result] * 4
    assert {partial.attempts for partial in partials} == {1}
    client.wait_for(*(client.put(acts.nothing) for _ in range(10)))


def test_sqlite_works_in_jobs(client: Client, tmp_path: Path) -> None:
    partials = [client.put(acts.runs_sqlite, str(tmp_path / "numbers.db")) for _ in range(4)]
    assert sorted(client.wait_for(*partials)) == [1, 2, 3, 4]


def test_a_thread_of_the_reactor_that_is_left_at_work_holds_nobody_up(
    common: Instance, client: Client, gate: Gate
) -> None:
    before = sorted(common.child_pids())
    client.wait_for(client.put(acts.defers_to_thread, gate.path))
    gate.wait_for()
    client.wait_for(*(client.put(acts.nothing) for _ in range(10)))
    gate.open()
    assert sorted(common.child_pids()) == before


def test_a_process_that_a_job_has_started_is_none_of_its_copies(client: Client, gate: Gate) -> None:
    started = client.wait_for(client.put(acts.starts_process, gate.path))
    client.wait_for(*(client.put(acts.nothing) for _ in range(10)))
    assert not is_gone(started)
    psutil.Process(started).kill()
