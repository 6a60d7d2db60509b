"""One supervisor a home: a lock held for life, and a small file that says who holds or held it."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

from zcasync import clock
from zcasync.home import Home
from zcasync.identity import Identity
from zcasync.supervisor.startup import AlreadyServed


class HomeLock:
    """The lock of a home; the kernel releases it when the process ends, however it ends."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock.  Raises AlreadyServed, with the pid that holds it."""
        fd = os.open(self._home.supervisor_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            holder = read(self._home)
            who = f"process {holder['pid']} since {holder['since']}" if holder else "a process"
            raise AlreadyServed(
                f"home {self._home.path} is served by {who}: stop it first with "
                f"zcasync stop --home {self._home.path}"
            ) from None
        self._fd = fd
        self.write(None)

    def write(self, engine: str | None) -> None:
        """Say who we are; ``engine``: the engineUUID once there is one, '' after a clean stop."""
        since = clock.to_datetime(clock.now()).isoformat(timespec="seconds")
        text = json.dumps({**Identity.here().as_dict(), "since": since, "engine": engine})
        fresh = self._home.supervisor_identity.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self._home.supervisor_identity)

    def release(self) -> None:
        """Let go.  Safe to repeat."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read(home: Home) -> dict[str, Any] | None:
    """What the last supervisor of the home wrote about itself; None: nothing readable."""
    try:
        found = json.loads(home.supervisor_identity.read_text())
        Identity.from_dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found  # type: ignore[no-any-return]
