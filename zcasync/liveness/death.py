"""The end of a process that had jobs, a child or a supervisor, with the evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from zcasync.job.loading import Stage


@dataclass(frozen=True)
class Death:
    """The end of a child process, with the evidence."""

    pid: int  # 0: it was a thread of the engine's own process
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None  # why it was killed, where that is known
    job: str | None = None  # the id of the job that it was running, where that is known
    output: tuple[str, ...] = ()  # its last lines, the Python stack among them
    stage: str | None = None  # of that job, where it matters (zcasync.job.loading.Stage)
    # The jobs that it had when it ended, by oid; None: they are not known.
    at_stake: frozenset[bytes] | None = None
    # The ladder of the job's time limits, where it was killed at the hard one: ``soft`` and
    # ``hard``, and when it was ``killed``, seconds after it ``began``; and what it ``hung_in``.
    limits: dict[str, Any] | None = None

    @property
    def process(self) -> str:
        """The process, for people."""
        return f"child process {self.pid}" if self.pid else "a thread of the engine's own process"

    @property
    def is_crash(self) -> bool:
        """True when the process died by itself or was killed; False: its engine was gone."""
        return self.exit_code is not None or self.signal is not None

    @property
    def summary(self) -> str:
        """One line for people."""
        what = f"child process {self.pid} {self._how}" if self.pid else "the thread it ran in ended"
        return what + (f" ({self.reason})" if self.reason else "")

    @property
    def _how(self) -> str:
        if self.signal:
            return f"was killed by {self.signal}"
        return "ended" if self.exit_code is None else f"exited with {self.exit_code}"

    def as_dict(self) -> dict[str, Any]:
        """Return the death as evidence on a Failure."""
        found = asdict(self)
        del found["at_stake"]  # which says nothing of the job
        rare = ("stage", "limits")
        return {name: value for name, value in found.items() if name not in rare or value}

    def to_others(self) -> Death:
        """Return the same death as it is for jobs that have not run past their limits."""
        return self if self.limits is None else replace(self, limits=None)

    def may_have_interrupted(self, oid: bytes) -> bool:
        """Return whether the process had this job, as far as that is known."""
        return self.at_stake is None or oid in self.at_stake

    def is_of_result(self, job: str) -> bool:
        """Return whether the result of a job has ended the process, which tried to load it again.

        Not where it was killed from outside: then nobody knows.
        """
        is_its_own = self.is_crash and self.signal not in ("SIGKILL", "SIGTERM")
        return is_its_own and self.stage == Stage.RESULT and self.job == job


class SupervisorDeath(Death):
    """The end of a supervisor, of whose children nobody can say how they ended."""

    @property
    def process(self) -> str:
        """The process, for people."""
        return f"the supervisor, process {self.pid}" if self.pid else "the supervisor"

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"{self.process}{',' if self.pid else ''} is gone, and its children with it"
