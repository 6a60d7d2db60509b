"""The records that an engine works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zcasync.datamanager import DataManager
from zcasync.instance.settings import Settings
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


@dataclass(frozen=True)
class EngineRecords:
    """An engine's connection, and its records there: of the database thread only."""

    connection: Any
    manager: DataManager
    worker: Worker
    incarnation: Incarnation
    #: The setting ``max-children``: the worker's record can be written by anybody.
    max_children: int = Settings.max_children
    #: The setting ``set-aside-limit``.
    set_aside_days: float = Settings.set_aside_limit

    @property
    def thread_size(self) -> int:
        """The number of children that there are to be."""
        return min(self.worker.thread.size, self.max_children)
