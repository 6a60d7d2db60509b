"""Kills one child in the middle of a job, to show that nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
from rich.markup import escape

from zcasync.demo.jobs import Job, Jobs

#: A death is in the record within a moment, unless it hit the child between two jobs.
NOTICE_SECONDS = 5.0
TRIES = 3


class Killer:
    """Waits for the half of the jobs, kills the busy child with the largest one, and watches.

    ``status()`` is the supervisor's status, ``say`` tells people what happens.  A child that had
    just committed its job when the signal came has interrupted nothing: then there is another try.
    """

    def __init__(
        self,
        jobs: Jobs,
        status: Callable[[], dict[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self.noticed: list[Job] = []
        self._jobs, self._status, self._say = jobs, status, say
        self._tries = 0
        self._killed_at: float | None = None

    def look(self, done: int) -> None:
        """Do what is due, now that so many jobs are done."""
        if self.noticed:
            return
        if self._killed_at is not None:
            self._look_for_traces()
        elif 2 * done >= len(self._jobs.all) and self._tries < TRIES:
            self._kill()

    def _look_for_traces(self) -> None:
        assert self._killed_at is not None
        self.noticed = self._jobs.interrupted()
        for job in self.noticed:
            self._say(
                f"The supervisor has seen it: nothing of job {job.id} was stored, it waits again."
            )
        if not self.noticed and time.monotonic() - self._killed_at > NOTICE_SECONDS:
            self._killed_at = None
            self._say("That child had just committed its job: nothing was interrupted.")

    def _kill(self) -> None:
        status = self._status()
        busy = [
            (job.portion.size, child["pid"], job)
            for child in status["children"]
            if (job := self._jobs.find(child["job"])) is not None and not job.is_done
        ]
        if not busy:
            return
        _, pid, job = max(busy, key=lambda one: one[0])
        if not is_child(pid, status["pid"]):
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError:
            self._tries = TRIES
            self._say(f"Child {pid} belongs to another user and cannot be killed from here.")
            return
        self._tries += 1
        self._killed_at = time.monotonic()
        self._say(
            f"[bold]kill -9 {pid}[/]: that child was in the middle of job {job.id}, "
            f"{escape(job.portion.label)}."
        )


def is_child(pid: int, supervisor: int) -> bool:
    """Whether this process id means, here, a child of that supervisor.

    A supervisor in another pid namespace knows its children by numbers that mean others here.
    """
    try:
        process = psutil.Process(pid)
        return process.ppid() == supervisor and "zcasync.child" in process.cmdline()
    except psutil.Error:
        return False
