"""The states of an engine, and how one follows another."""

from __future__ import annotations

from enum import StrEnum


class Life(StrEnum):
    """The states of an engine."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


#: Every way a life goes on.
TRANSITIONS = {
    Life.NEW: {Life.STARTING, Life.STOPPING},
    Life.STARTING: {Life.RUNNING, Life.STOPPING, Life.STOPPED},  # the last: it could not start
    Life.RUNNING: {Life.STOPPING},
    Life.STOPPING: {Life.STOPPED},
    Life.STOPPED: set[Life](),
}
