"""Process identity: names one process, and no later process that has the same pid."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

#: The value for what this platform does not provide; such identities are never compared.
UNKNOWN = ""


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return UNKNOWN


def _pid_namespace() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return UNKNOWN


def _start_ticks(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot (field 22 of /proc/PID/stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


@dataclass(frozen=True)
class ProcessIdentity:
    """The identity of one process: machine boot, pid namespace, pid and start time."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int

    @classmethod
    def here(cls) -> ProcessIdentity:
        """Return the identity of this process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of a running process of this machine."""
        return cls(socket.gethostname(), _boot_id(), _pid_namespace(), pid, _start_ticks(pid) or 0)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> ProcessIdentity:
        """Return the identity for what ``as_dict`` returned.

        Raises KeyError, TypeError, ValueError for anything else.
        """
        return cls(
            str(found["host"]),
            str(found["boot_id"]),
            str(found["pid_namespace"]),
            int(found["pid"]),
            int(found["start_ticks"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the identity for a JSON file."""
        return asdict(self)

    @property
    def is_of_this_boot(self) -> bool:
        """True for a process that runs, or ran, on this machine since it was booted."""
        return bool(self.boot_id) and self.boot_id == _boot_id()

    def is_alive(self) -> bool | None:
        """Return whether the process runs; None where this process cannot know.

        Another boot id on the same host name may be another machine (host names repeat), so only a
        shared boot id and pid namespace decide.
        """
        if not self.is_of_this_boot or self.pid_namespace != _pid_namespace():
            return None
        if _start_ticks(self.pid) != self.start_ticks:
            return False
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_frozen(self) -> bool:
        """Return whether a signal has stopped the process; of one that ``is_alive``."""
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False
