"""Process: what an application is told of the process in which it is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The roles of processes.
CHILD, SUPERVISOR = "child", "supervisor"


@dataclass(frozen=True)
class Process:
    """A process that performs calls: see :class:`zcasync.interfaces.IProcess`."""

    role: str
    home: Path
    database: Any
    settings: Any

    @property
    def databases(self) -> Mapping[str, Any]:
        """The open databases by their names."""
        return self.database.databases  # type: ignore[no-any-return]
