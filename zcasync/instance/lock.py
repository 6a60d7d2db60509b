"""One supervisor a home: a lock held for life, and a small file that says who holds or held it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any

from twisted.logger import Logger

from zcasync import clock
from zcasync.errors import ZCAsyncError
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
        """Take the lock.  Raises AlreadyServed, with the pid that holds it."""
        fd = os.open(self._home.supervisor_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        # Whatever engine the worker's record names, it is the last one until there is a new one.
        self._write(None if self._before is None else self._before["engine"], starting=True)

    def write(self, engine: str) -> None:
        """Say who we are; ``engine``: the engineUUID once there is one, '' after a clean stop."""
        self._has_engine = True
        self._write(engine)

    def _write(self, engine: str | None, starting: bool = False) -> None:
        since = clock.to_datetime(clock.now()).isoformat(timespec="seconds")
        said = {"since": since, "engine": engine, "starting": starting}
        self._put({**ProcessIdentity.here().as_dict(), **said})

    def _put(self, found: dict[str, Any]) -> None:
        """Write the file.  A disk that is full is no reason not to work."""
        path = self._home.supervisor_identity
        fresh = path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(found))
            fresh.replace(path)
        except OSError as error:
            log.error(
                "{path} is not up to date, so zcasync ghosts may be wrong: {why}",
                path=str(path),
                why=str(error),
            )

    def release(self) -> None:
        """Let go; a supervisor that had no engine leaves no trace.  Safe to repeat."""
        if self._fd is None:
            return
        if not self._has_engine:
            if self._before is None:
                self._home.supervisor_identity.unlink(missing_ok=True)
            else:
                self._put(self._before)
        os.close(self._fd)
        self._fd = None


def _lock(fd: int) -> bool:
    """Take the lock; an operator's ``is_held`` may have it for an instant, so try again."""
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
    """Whether some process holds the lock of a home: the kernel knows, in whatever container.

    Raises OSError when the lock file cannot be opened although it is there.
    """
    try:
        fd = os.open(home.supervisor_lock, os.O_RDONLY | os.O_CLOEXEC)
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
    """What the last supervisor of the home wrote about itself; None: nothing readable.

    Besides its identity: ``engine``, the last engineUUID that it knows of ('' after a clean stop,
    None: there was none yet), and ``starting``, whether that was written before an engine of its
    own was registered.
    """
    try:
        found = json.loads(home.supervisor_identity.read_text())
        ProcessIdentity.from_dict(found)
        return {"starting": False, "since": None, "engine": None, **found}
    except (OSError, ValueError, KeyError, TypeError):
        return None


class AlreadyServed(ZCAsyncError):
    """Another engine serves this worker and may be alive."""
