"""Process identity: names one process, and no later process that has the same pid.

Only the kernel proves that a process is gone.  One that /proc does not show may be hidden from this
user (``hidepid``, systemd's ``ProtectProc``), or /proc may be that of another pid namespace.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from zcasync.unpublished import Unpublished

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


@dataclass(frozen=True)
class _Stat:
    """The state of a process, a letter, and when it started, in clock ticks since boot."""

    state: str
    start_ticks: int

    @property
    def runs(self) -> bool:
        """False for a process that has ended and only was not reaped yet."""
        return self.state not in "ZX"


def _stat(pid: int) -> _Stat | None:
    """Return what /proc/PID/stat says (fields 3 and 22); None: that cannot be seen from here."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return None  # of another pid namespace, where pids name other processes
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return _Stat(fields[0].decode(), int(fields[19]))


def is_there(pid: int) -> bool:
    """Return whether any process has this pid now, hidden or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


@dataclass(frozen=True)
class ProcessIdentity(Unpublished):
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
        seen = _stat(pid)
        ticks = 0 if seen is None else seen.start_ticks  # 0: not known
        return cls(socket.gethostname(), _boot_id(), _pid_namespace(), pid, ticks)

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
        if not self.is_of_this_boot or not self.pid_namespace:
            return None
        if self.pid_namespace != _pid_namespace():
            return None
        seen = _stat(self.pid)
        if seen is None or not self.start_ticks:
            # A process with this pid may be this one, or a later one.
            return None if is_there(self.pid) else False
        return seen.start_ticks == self.start_ticks and seen.runs

    def is_frozen(self) -> bool:
        """Return whether a signal has stopped the process; of one that ``is_alive``."""
        seen = _stat(self.pid)
        return seen is not None and seen.state == "T"
