"""The factory of pools of child processes: each engine makes one, and another that checks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from zcasync.instance.settings import Settings
from zcasync.supervisor.children.interfaces import Changed, Died, PoolFactory
from zcasync.supervisor.children.pool import Pool
from zcasync.supervisor.children.starter import ChildStarter


def child_processes(
    reactor: Any, settings: Settings, spec_for: Callable[[bytes], str], role: str = ""
) -> PoolFactory:
    """Return a factory of pools of child processes.

    ``spec_for(incarnation oid)`` describes their databases to each.  ``role``: what they are called
    in the log where they perform no thread jobs.
    """

    def make(engine: uuid.UUID, incarnation: bytes, changed: Changed, died: Died) -> Pool:
        starter = ChildStarter(reactor, str(engine))
        return Pool(
            reactor, starter, lambda: spec_for(incarnation), settings, changed, died, role=role
        )

    return make
