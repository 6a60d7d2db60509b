"""Killing one child in the middle of a job, to show that nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
from rich.markup import escape

from zcasync.demo.jobs import Job, Jobs

#: An interruption is in the record by then, unless the child died between two jobs.
NOTICE_SECONDS = 5.0
ATTEMPTS = 3


class Killer:
    """The death of one child: waits for half of the jobs, kills the child with the largest one.

    ``status()`` returns the supervisor's status, ``say(text)`` reports to people.  A child that had
    just committed its job when the signal came has interrupted nothing: then there is another
    attempt.  ``noticed``: the jobs that were interrupted.
    """

    def __init__(
        self,
        jobs: Jobs,
        status: Callable[[], dict[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self.noticed: list[Job] = []
        self._jobs, self._status, self._say = jobs, status, say
        self._attempts = 0
        self._killed_at: float | None = None

    def look(self, done: int) -> None:
        """Kill a child, or check for the interruption, when this many jobs are done."""
        if self.noticed:
            return
        if self._killed_at is not None:
            self._check_interruption()
        elif 2 * done >= len(self._jobs.all) and self._attempts < ATTEMPTS:
            self._kill()

    def _check_interruption(self) -> None:
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
            if not self._kill_at(pid, job):
                return
        except ProcessLookupError:
            return
        except PermissionError:
            self._attempts = ATTEMPTS
            self._say(f"Child {pid} belongs to another user and cannot be killed from here.")
            return
        self._attempts += 1
        self._killed_at = time.monotonic()
        self._say(
            f"[bold]kill -9 {pid}[/]: that child was in the middle of job {job.id}, "
            f"{escape(job.portion.label)}."
        )

    def _kill_at(self, pid: int, job: Job) -> bool:
        """Kill a child where it is at this job still, and not one job further; return whether.

        It is frozen for the look.  Raises ProcessLookupError, PermissionError.
        """
        os.kill(pid, signal.SIGSTOP)
        self._jobs.look()
        if job.is_done:
            os.kill(pid, signal.SIGCONT)
            return False
        os.kill(pid, signal.SIGKILL)
        return True


def is_child(pid: int, supervisor: int) -> bool:
    """Return whether this pid is, in this pid namespace, a child of that supervisor.

    A supervisor in another namespace knows its children by pids that mean other processes here.
    """
    try:
        process = psutil.Process(pid)
        return process.ppid() == supervisor and "zcasync.child" in process.cmdline()
    except psutil.Error:
        return False
