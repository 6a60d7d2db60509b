"""Pauses before the next child when children end without having done anything: never a spin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from zcasync import clock
from zcasync.liveness.death import Death
from zcasync.supervisor.children.state import ChildState

log = Logger()

#: The next child is started after 0.5 s, 1 s, 2 s ... at most this.
LONGEST_SECONDS = 60.0
FIRST_SECONDS = 0.5
#: A child that was ready for so long, or has ended a job, shows that children work.
STEADY_SECONDS = 10.0
#: So many of the last lines of the output are shown.
OUTPUT_LINES = 20
#: Another process sends these signals: they say nothing against the next child.
FROM_OUTSIDE = ("SIGKILL", "SIGTERM")


class Backoff:
    """The pause before the next child is started, and the reason for it."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.problem: str | None = None
        self._output: tuple[str, ...] = ()
        self._seconds = seconds
        self._tries = 0
        self._since = 0
        self._pause = FIRST_SECONDS
        self._until = 0.0
        self._failed_at = float("-inf")

    @property
    def wait(self) -> float:
        """The seconds until a child may be started."""
        return max(0.0, self._until - self._seconds())

    def failed(self, problem: str, output: tuple[str, ...] = ()) -> None:
        """Note that a child could not be started, or ended too early.

        ``output``: the last lines of it.
        """
        if self._tries == 0:
            self._since = clock.now()
        self._tries += 1
        self.problem, self._output = problem, output
        self._failed_at = self._seconds()
        if self.wait > 0:
            return  # one of several that were started together
        log.error("{problem}; next try in {wait} s", problem=problem, wait=self._pause)
        self._until = self._seconds() + self._pause
        self._pause = min(2 * self._pause, LONGEST_SECONDS)

    def forgives(self) -> None:
        """Let the next child be started at once: somebody says that it may boot now."""
        self._pause, self._until = FIRST_SECONDS, 0.0

    def eases(self) -> None:
        """Note that a child is ready.

        It may still end at once, so the pauses do not begin anew yet.
        """
        self.problem = None

    def ends(self, ready_at: float) -> None:
        """Note that a child works that was ready at ``ready_at``.

        One that was ready before the last failure says nothing of newer ones.
        """
        if self._tries and ready_at > self._failed_at:
            self.problem, self._tries, self._pause, self._until = None, 0, FIRST_SECONDS, 0.0

    def as_dict(self) -> dict[str, Any] | None:
        """Return the problem, since when and how often, for ``status``; None without one."""
        if self.problem is None:
            return None
        return {
            "problem": self.problem,
            "since": clock.to_datetime(self._since).isoformat(timespec="seconds"),
            "tries": self._tries,
            "next_try_seconds": round(self.wait, 1),
            "output": list(self._output[-OUTPUT_LINES:]),
        }


def early_end(child: ChildState, death: Death, now: float) -> str | None:
    """Return the problem when a child has ended without having done anything; None when none is.

    Not when a job ended it: that is the job's affair, which has a limit of its own.
    """
    if child.is_unwanted or child.jobs_done or child.outstanding or child.deferred:
        return None
    if child.was_ready and death.signal in FROM_OUTSIDE and death.reason is None:
        return None
    last = death.output[-1] if death.output else "no output"
    if not child.was_ready:
        return f"{death.summary} before it was ready: {last}"
    if now - child.ready_at < STEADY_SECONDS:
        return f"{death.summary} before it had a job: {last}"
    return None
