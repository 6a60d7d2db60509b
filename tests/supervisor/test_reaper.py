"""The reaper takes exit codes that nobody else waits for, and no others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import psutil
import pytest
from twisted.internet.task import Clock

from zcasync.supervisor.reaper import Reaper
from zcasync.testing.waiting import wait_until


@pytest.fixture
def ended() -> Iterator[list[int]]:
    """Three processes that have ended: of this group, and two of groups of their own."""
    pids = [
        os.posix_spawnp("true", ["true"], os.environ, **options)
        for options in ({}, {"setpgroup": 0}, {"setsid": True})
    ]
    wait_until(lambda: all(map(is_zombie, pids)), "them to end")
    yield pids
    for pid in pids:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            continue


def is_zombie(pid: int) -> bool:
    """Whether it has ended, and nobody has asked for its exit code."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_orphans_are_reaped_at_the_second_look(ended: list[int]) -> None:
    reaper = Reaper(Clock(), own=())
    reaper.look()
    assert [is_zombie(pid) for pid in ended] == [True, True, True]
    reaper.look()
    assert [is_zombie(pid) for pid in ended] == [True, False, False]


def test_what_twisted_has_started_is_left_to_it(ended: list[int]) -> None:
    reaper = Reaper(Clock(), own=ended)
    for _ in range(3):
        reaper.look()
    assert all(map(is_zombie, ended))


def test_only_process_1_looks() -> None:
    clock = Clock()
    Reaper(clock).start()
    assert not clock.getDelayedCalls()


def test_a_process_that_runs_is_no_orphan() -> None:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        reaper = Reaper(Clock(), own=())
        for _ in range(3):
            reaper.look()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
