"""Process: what an application is told of the process in which it is set up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The roles of processes.
CHILD, SUPERVISOR = "child", "supervisor"

_set_up_now: list[str] = []  # applications of this process, in whichever thread


@contextmanager
def setting_up(name: str) -> Iterator[None]:
    """Note that an application is set up in this process, to perform calls."""
    _set_up_now.append(name)
    try:
        yield
    finally:
        _set_up_now.remove(name)


def is_setting_up() -> bool:
    """Return whether what happens just now is the start of an application in a worker."""
    return bool(_set_up_now)


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
