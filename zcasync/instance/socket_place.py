"""The place of a home's sockets: ``var``, or a short folder elsewhere where its path is too long.

That is in ``$XDG_RUNTIME_DIR``, which no other user can write, or else in the temporary folder,
under a name that others can foresee: it is used only where it is this user's.  A service may have
no runtime directory while an operator's shell has one, so a supervisor writes down in the home
where its sockets are (``var/sockets.json``): clients look there, and so does the next supervisor,
to whose sockets the clients of the last one then come back.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zcasync.errors import ConfigurationError
from zcasync.instance import own_files
from zcasync.instance.file_lock import is_seen_locked
from zcasync.unix_sockets import (
    SOCKET_PATH_LIMIT_BYTES,
    fits,
    make_own_folder,
    require_closed_folder,
)

log = logging.getLogger(__name__)

#: Where Python looks for a temporary folder that is not named.
USUAL_FOLDERS = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108  nothing is made there by name
#: Of the names of such folders; the user and a key of the home's path follow.
PREFIX = "zcasync-"
#: The socket with the longest name.
LONGEST = "control.sock"


class SocketPlace:
    """The place of the sockets of the home at ``home``, whose data is in ``var``.

    ``lock``: the file that its supervisor has locked.
    """

    def __init__(self, home: Path, var: Path, lock: Path) -> None:
        self._home = home
        self._var = var
        self._lock = lock
        self.record = var / "sockets.json"

    @property
    def owner(self) -> int | None:
        """The user whose data is in the home; None where there is none yet, or it is hidden."""
        try:
            return self._var.stat().st_uid
        except OSError:
            return None

    def path(self, name: str) -> Path:
        """Return the path of a socket; its folder need not be there."""
        path = self._var / name
        return path if fits(path) else self._elsewhere() / name

    def _elsewhere(self) -> Path:
        """Return the folder that a supervisor has written down, else where one would make it."""
        folders = list(self._folders())
        found = next(filter(_is_ours, folders), None)
        if found is not None:
            return found
        written = self._written_down()  # of a home that was moved under its supervisor
        if written is not None and _is_ours(written) and is_seen_locked(self._lock):
            return written
        return folders[0] if folders else self._var

    def prepare(self) -> None:
        """Make the folder of the sockets where it is missing, before a server listens there.

        Raises ConfigurationError where it is another user's, or its path too long, and there is no
        other one; OSError.
        """
        if fits(self._var / LONGEST):
            require_closed_folder(self._var / LONGEST, self.owner)
            return
        problems = []
        for folder in self._folders():
            try:
                _require_short(folder)
                make_own_folder(folder)
            except ConfigurationError as error:
                problems.append(str(error))
            except OSError as error:
                problems.append(f"{folder} cannot be made: {error.strerror}")
            else:
                for problem in problems:
                    log.warning("%s (they are in %s now)", problem, folder)
                self._write_down(folder)
                return
        raise ConfigurationError(problems or _too_long(self._var))

    def problems(self) -> list[str]:
        """Return why no sockets can be there; that the folder is missing is no reason."""
        try:
            _require_short(self.path(LONGEST).parent)
        except ConfigurationError as error:
            return error.problems
        return []

    def _folders(self) -> Iterator[Path]:
        """Yield the folders that come into question, the one to be used first."""
        recorded = self._recorded()
        if recorded is not None:
            yield recorded
        key = self._key()
        for above in (_runtime_folder(), _temporary_folder()):
            folder = None if above is None else above / f"{PREFIX}{os.geteuid()}-{key}"
            if folder is not None and folder != recorded:
                yield folder

    def _key(self) -> str:
        return hashlib.sha256(os.fsencode(self._home.resolve())).hexdigest()[:16]

    def _recorded(self) -> Path | None:
        """Return the folder that is written down; None also in the copy of another home."""
        folder = self._written_down()
        is_of_this_home = folder is not None and folder.name.endswith(f"-{self._key()}")
        return folder if is_of_this_home else None

    def _written_down(self) -> Path | None:
        try:
            folder = Path(json.loads(self.record.read_text())["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_one = folder.is_absolute() and folder.name.startswith(PREFIX)
        return folder if is_one else None

    def _write_down(self, folder: Path) -> None:
        """Write the folder down.  A full disk must not keep the supervisor from working."""
        if folder == self._recorded():
            return
        try:
            own_files.replace(self.record, json.dumps({"folder": os.fspath(folder)}))
        except OSError as error:
            log.error(
                "%s is not up to date, so clients may not look for the sockets in %s: %s",
                self.record,
                folder,
                error,
            )


def _require_short(folder: Path) -> None:
    """Raise ConfigurationError where sockets in a folder had paths that the kernel refuses."""
    if not fits(folder / LONGEST):
        raise ConfigurationError(_too_long(folder))


def _too_long(folder: Path) -> str:
    return (
        f"no sockets can be in {folder}: their paths would be longer than "
        f"{SOCKET_PATH_LIMIT_BYTES} bytes, and in the home, too: set TMPDIR to a folder with a "
        "shorter path, or let the home have one"
    )


def _is_ours(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _temporary_folder() -> Path | None:
    """Return the temporary folder; None where there is none, and Python has the current one."""
    try:
        found = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    is_meant = os.fspath(found) in (*named, *USUAL_FOLDERS)
    return found if is_meant or found != _current_folder() else None


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _runtime_folder() -> Path | None:
    """Return ``$XDG_RUNTIME_DIR`` where it is there, and this user's alone."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or ".")
    try:
        found = folder.lstat()
    except OSError:
        return None
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    is_short = fits(folder / f"{PREFIX}{os.geteuid()}-{'0' * 16}" / LONGEST)
    is_closed = not found.st_mode & 0o077
    return folder if folder.is_absolute() and is_ours and is_closed and is_short else None
