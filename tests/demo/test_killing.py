"""Which child is killed, when, and what is said of it.  The processes here are only processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from zcasync.demo import killing
from zcasync.demo.killing import Killer, is_child
from zcasync.demo.source import Portion, SourceFile
from zcasync.testing.waiting import wait_until


@dataclass
class FakeJob:
    """As much of a job as the killer looks at."""

    id: str
    size: int
    is_done: bool = False
    interruptions: int = 0

    @property
    def portion(self) -> Portion:
        return Portion(f"package {self.id}", (SourceFile("x.py", self.size),))


@dataclass
class FakeJobs:
    """Two jobs that are done, two that run."""

    all: list[FakeJob] = field(
        default_factory=lambda: [
            FakeJob("0x1", 9, is_done=True),
            FakeJob("0x2", 9, is_done=True),
            FakeJob("0x3", 1),
            FakeJob("0x4", 5),
        ]
    )

    def find(self, id: str | None) -> FakeJob | None:  # noqa: A002
        return next((job for job in self.all if job.id == id), None)

    def look(self) -> list[FakeJob]:
        self.arrive()
        return [job for job in self.all if job.is_done]

    def arrive(self) -> None:
        """What was committed since the last look."""

    def interrupted(self) -> list[FakeJob]:
        return [job for job in self.all if job.interruptions]


Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes of ours that look like children of a supervisor and only wait."""
    started: list[subprocess.Popen[bytes]] = []

    def one() -> subprocess.Popen[bytes]:
        script = "import sys; print('up', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", script, "zcasync.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        # In the first moment after its start the system shows no command line of a process.
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield one
    for process in started:
        process.communicate()


@dataclass
class Scene:
    """A killer, what it sees and what it says."""

    jobs: FakeJobs = field(default_factory=FakeJobs)
    children: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.killer = Killer(self.jobs, self.status, self.said.append)  # type: ignore[arg-type]

    def status(self) -> dict[str, Any]:
        self.asked += 1
        return {"pid": os.getpid(), "children": self.children}

    def add(self, process: subprocess.Popen[bytes], job: str | None) -> None:
        self.children.append({"pid": process.pid, "job": job})


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_no_child_is_killed_before_half_of_the_jobs_are_done(scene: Scene) -> None:
    scene.killer.look(1)
    assert scene.asked == 0


def test_the_child_with_the_largest_job_of_ours_is_killed_once(scene: Scene, start: Start) -> None:
    small, large, foreign, idle = start(), start(), start(), start()
    scene.add(small, "0x3")
    scene.add(large, "0x4")
    scene.add(foreign, "0x99")
    scene.add(idle, None)
    scene.killer.look(2)
    assert large.wait(10) == -signal.SIGKILL
    assert f"kill -9 {large.pid}" in scene.said[0]
    assert "job 0x4, package 0x4" in scene.said[0]
    scene.jobs.all[3].interruptions = 1
    scene.killer.look(2)
    scene.killer.look(3)
    assert scene.killer.noticed == [scene.jobs.all[3]]
    assert len(scene.said) == 2
    assert [process.poll() for process in (small, foreign, idle)] == [None, None, None]


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED  # type: ignore[no-any-return]


def test_a_child_that_has_just_ended_its_job_goes_on(
    scene: Scene, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start()
    scene.add(process, "0x4")

    def arrive() -> None:
        wait_until(lambda: is_stopped(process), "the child to be frozen")
        scene.jobs.all[3].is_done = True

    monkeypatch.setattr(scene.jobs, "arrive", arrive)
    scene.killer.look(2)
    assert (process.poll(), scene.said) == (None, [])
    wait_until(lambda: not is_stopped(process), "the child to go on")
    scene.children.clear()
    other = start()
    scene.add(other, "0x3")
    monkeypatch.undo()
    scene.killer.look(3)
    assert other.wait(10) == -signal.SIGKILL


def test_a_kill_between_two_jobs_is_followed_by_another(
    scene: Scene, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start()
    scene.add(first, "0x4")
    scene.killer.look(2)
    assert first.wait(10) == -signal.SIGKILL
    monkeypatch.setattr(killing, "NOTICE_SECONDS", -1.0)
    scene.killer.look(3)
    assert "nothing was interrupted" in scene.said[-1]
    second = start()
    scene.children[:] = []
    scene.add(second, "0x3")
    scene.killer.look(3)
    assert second.wait(10) == -signal.SIGKILL


def test_children_without_a_job_of_ours_are_left_alone(scene: Scene, start: Start) -> None:
    process = start()
    scene.add(process, "0x1")  # one that is done
    scene.killer.look(2)
    assert process.poll() is None
    assert scene.said == []


def test_a_number_that_means_another_process_here_is_not_killed(
    scene: Scene, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start()
    scene.add(process, "0x4")
    elsewhere = {"pid": os.getppid(), "children": scene.children}
    monkeypatch.setattr(scene.killer, "_status", lambda: elsewhere)
    scene.killer.look(2)
    assert process.poll() is None


def test_only_a_living_child_of_that_supervisor_counts_as_one(start: Start) -> None:
    process = start()
    assert is_child(process.pid, os.getpid())
    assert not is_child(process.pid, 1)
    assert not is_child(os.getpid(), os.getppid())
    process.communicate()
    assert not is_child(process.pid, os.getpid())
