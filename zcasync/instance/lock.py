"""The lock of a home, for one supervisor at a time, and a small file that names the last one."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from zcasync import clock
from zcasync.errors import ConfigurationError, ZCAsyncError
from zcasync.instance import own_files
from zcasync.instance.file_lock import is_locked, is_seen_locked
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity

log = Logger()

#: In the environment of a process that another one becomes: the descriptor of the lock it holds.
VARIABLE = "ZCASYNC_HOME_LOCK"


class HomeLock:
    """The lock of a home; the kernel releases it when the process ends, however it ends."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._fd: int | None = None
        self._folder: int | None = None  # of the home, open since it was locked
        self._before: dict[str, Any] | None = None
        self._has_engine = False

    def acquire(self) -> None:
        """Take the lock.  Raises AlreadyServed, with the pid of the process that holds it."""
        fd = self._handed_on()
        if fd is None:
            fd = own_files.open_own(self._home.supervisor_lock, os.O_RDWR)
        if not _lock(fd):
            os.close(fd)
            raise self._served_by_another()
        self._fd = fd
        self._folder = os.open(self._home.path, os.O_RDONLY | os.O_DIRECTORY)
        self._before = read(self._home)
        # The last supervisor's engine stays the last one until there is a new one.
        self._write(None if self._before is None else self._before["engine"], starting=True)

    def _handed_on(self) -> int | None:
        """Return the descriptor with the lock of this home that this process has had before."""
        try:
            fd = int(os.environ.pop(VARIABLE, ""))
            if not os.path.samestat(os.fstat(fd), os.stat(self._home.supervisor_lock)):
                return None
        except (ValueError, OSError):
            return None
        os.set_inheritable(fd, False)
        return fd

    def hand_on(self) -> int:
        """Return a descriptor that keeps the home locked, also after a release, until it is closed.

        A program that this process becomes takes the lock from it: see ``VARIABLE``.
        """
        assert self._fd is not None
        return os.dup(self._fd)

    @property
    def place(self) -> Path | None:
        """The path of the locked home now; None where that is nowhere, or cannot be known.

        It is another one than before where the home was moved.  Raises OSError where the path it
        had cannot be looked at.
        """
        assert self._fd is not None
        assert self._folder is not None
        if _is_at(self._fd, self._home.supervisor_lock):
            return self._home.path
        if self.is_removed:
            return self._home.path if _is_at(self._folder, self._home.path) else None
        try:  # Linux only
            path = Path(os.readlink(f"/proc/self/fd/{self._folder}"))
            return path if _is_at(self._fd, Home(path).supervisor_lock) else None
        except OSError:
            return None

    @property
    def is_removed(self) -> bool:
        """Whether the file of the lock has no name any more."""
        assert self._fd is not None
        return os.fstat(self._fd).st_nlink == 0

    def renew(self) -> None:
        """Lock the home anew where the file of its lock was removed, or replaced.

        Raises AlreadyServed where another process was quicker, OSError.
        """
        assert self._fd is not None
        if _is_at(self._fd, self._home.supervisor_lock):
            return
        fd = own_files.open_own(self._home.supervisor_lock, os.O_RDWR)
        if not _lock(fd):
            os.close(fd)
            raise self._served_by_another()
        os.close(self._fd)
        self._fd = fd
        log.warn(
            "{path} was removed while this process held it; it is locked anew",
            path=str(self._home.supervisor_lock),
        )

    def _served_by_another(self) -> AlreadyServed:
        holder = read(self._home)
        who = f"process {holder['pid']} since {holder['since']}" if holder else "a process"
        return AlreadyServed(
            f"home {self._home.path} is served by {who}: stop it first with "
            f"zcasync stop --home {self._home.path}"
        )

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
            moved = self.place
            if moved is not None:
                path = Home(moved).supervisor_identity
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
        for fd in (self._fd, self._folder):
            if fd is not None:
                os.close(fd)
        self._fd = self._folder = None


def _is_at(fd: int, path: Path) -> bool:
    """Return whether an open file, or folder, is what is at a path.  Raises OSError."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


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
    return is_locked(home.supervisor_lock)


def has_holder(home: Home) -> bool:
    """Return whether a process is seen to hold the lock of a home."""
    return is_seen_locked(home.supervisor_lock)


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


class HomeMoved(ConfigurationError):
    """A home is not where it was any more, while a supervisor serves it.

    ``path``: where it is now, None: it is not known, or it was removed.  ``lock``: the descriptor
    that its lock was handed on with.
    """

    def __init__(self, before: Path, path: Path | None, lock: int) -> None:
        self.before, self.path, self.lock = before, path, lock
        if path is None:
            super().__init__(
                f"{before}, or its folder var, was moved or removed while this process served it, "
                "so it ends: move it back, or start the next where it is now"
            )
        else:
            super().__init__(
                f"{before} was moved to {path} while this process served it: it is served there by "
                f"zcasync run --home {path}"
            )


class AlreadyServed(ZCAsyncError):
    """Another engine serves this worker and may be alive."""
