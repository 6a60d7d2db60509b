"""The time of a supervisor's stop: how long each part of it may take, and the end of it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zcasync.supervisor import application
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.left_behind import end_server, kill_children, left_behind
from zcasync.supervisor.stop_deadline import LastActs, StopDeadline
from zcasync.supervisor.zeo_server.process import KILL_AFTER_SECONDS

#: How long databases may take to close: with the engine's farewell and the end of the database
#: server a stop takes less than 10 s more than the grace period, whatever the storage does.
CLOSE_SECONDS = 2.0
#: The end of the server, and that of the databases before it, need so much of what is left.
SERVER_SECONDS = KILL_AFTER_SECONDS + 0.5
DATABASES_SECONDS = SERVER_SECONDS + CLOSE_SECONDS
#: A part gets so much at least before it is left behind.
LEAST_SECONDS = 0.5


class IStopped(Protocol):
    """The supervisor that stops: what is left of it."""

    problem: BaseException | None

    @property
    def engine(self) -> Engine | None:
        """Its engine."""

    @property
    def server_pid(self) -> int | None:
        """The process of its database server."""


class BoundedStop(StopDeadline):
    """The deadline of a supervisor's stop; ``grace()`` returns its grace period in seconds."""

    def __init__(self, supervisor: IStopped, grace: Callable[[], float]) -> None:
        def kill() -> None:
            kill_children(supervisor.engine)
            end_server(supervisor.server_pid)

        acts = LastActs(
            left=lambda: left_behind(supervisor.engine),
            kill=kill,
            exit_code=lambda: _code_of(supervisor.problem),
        )
        super().__init__(grace, acts)

    @property
    def application_seconds(self) -> float:
        """How long the application may take to close."""
        return self._share(application.CLOSE_SECONDS, DATABASES_SECONDS)

    @property
    def databases_seconds(self) -> float:
        """How long the databases may take to close."""
        return self._share(CLOSE_SECONDS, SERVER_SECONDS)

    def _share(self, most: float, reserved: float) -> float:
        """Return the seconds of one part; ``reserved``: those of the parts after it."""
        return max(LEAST_SECONDS, min(most, self.left - reserved))


def _code_of(problem: BaseException | None) -> int:
    """Return 0 where nothing was wrong: a stop that was asked for loses no job, however it ends."""
    return 0 if problem is None else getattr(problem, "exit_code", 1)
