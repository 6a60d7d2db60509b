"""The lock of a home, for one supervisor at a time, and a small file that names the last one."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any

from twisted.logger import Logger

from zcasync import clock
from zcasync.errors import ZCAsyncError
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity

log = Logger()


class HomeLock:
    """The lock of a home; the kernel releases it when the process ends, however it ends."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._fd: int | None = None
        self._before: dict[str, Any] | None = None
        self._has_engine = False

    def acquire(self) -> None:
        """Take the lock.  Raises AlreadyServed, with the pid of the process that holds it."""
        fd = own_files.open_own(self._home.supervisor_lock, os.O_RDWR)
        if not _lock(fd):
            os.close(fd)
            holder = read(self._home)
            who = f"process {holder['pid']} since {holder['since']}" if holder else "a process"
            raise AlreadyServed(
                f"home {self._home.path} is served by {who}: stop it first with "
                f"zcasync stop --home {self._home.path}"
            )
        self._fd = fd
        self._before = read(self._home)
        # The last supervisor's engine stays the last one until there is a new one.
        self._write(None if self._before is None else self._before["engine"], starting=True)

    def write(self, engine: str) -> None:
        """Write this process's identity and ``engine``: its engineUUID, '' after a clean stop."""
        self._has_engine = True
        self._write(engine)

    def _write(self, engine: str | None, starting: bool = False) -> None:
        since = clock.to_datetime(clock.now()).isoformat(timespec="seconds")
        details = {"since": since, "engine": engine, "starting": starting}
        self._replace_file({**ProcessIdentity.here().as_dict(), **details})

    def _replace_file(self, content: dict[str, Any]) -> None:
        """Replace the file's content.  A full disk must not keep the supervisor from working."""
        path = self._home.supervisor_identity
        try:
            own_files.replace(path, json.dumps(content))
        except OSError as error:
            log.error(
                "{path} is not up to date, so zcasync ghosts may be wrong: {why}",
                path=str(path),
                why=str(error),
            )

    def release(self) -> None:
        """Release the lock; restore the file where there was no engine.  Safe to repeat."""
        if self._fd is None:
            return
        if not self._has_engine:
            if self._before is None:
                self._home.supervisor_identity.unlink(missing_ok=True)
            else:
                self._replace_file(self._before)
        os.close(self._fd)
        self._fd = None


def _lock(fd: int) -> bool:
    """Take the lock; return whether that succeeded.

    Tried several times, because an operator's ``is_held`` may have it for an instant.
    """
    for pause in (0.01, 0.05, 0.1, None):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause is not None:
                time.sleep(pause)
        else:
            return True
    return False


def is_held(home: Home) -> bool:
    """Return whether a process holds the lock of a home, in whatever container it runs.

    Raises OSError when the lock file cannot be opened although it is there.
    """
    try:
        fd = os.open(home.supervisor_lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read(home: Home) -> dict[str, Any] | None:
    """Return what the last supervisor of the home wrote about itself; None: nothing readable.

    Besides its identity: ``since``, ISO 8601; ``engine``, the last engineUUID that it knows of (''
    after a clean stop, None: there was none yet); ``starting``, True when that was written before
    an engine of its own was registered.
    """
    try:
        found = json.loads(home.supervisor_identity.read_text())
        ProcessIdentity.from_dict(found)
        return {"starting": False, "since": None, "engine": None, **found}
    except (OSError, ValueError, KeyError, TypeError):
        return None


class AlreadyServed(ZCAsyncError):
    """Another engine serves this worker and may be alive."""
