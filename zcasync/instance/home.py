"""The instance home: the folder of one worker's identity, sockets, data and logs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from zcasync.errors import ConfigurationError
from zcasync.instance.socket_place import SocketPlace


@dataclass(frozen=True)
class Home:
    """The paths of an instance home; creates nothing by itself."""

    path: Path

    @classmethod
    def find(cls, home: str | os.PathLike[str] | None = None) -> Home:
        """Return the home at ``home``, else ``$INSTANCE_HOME``, else ``./instance``; absolute."""
        return cls(Path(home or os.environ.get("INSTANCE_HOME") or "instance").absolute())

    @property
    def uuid_file(self) -> Path:
        """The file with the worker's UUID."""
        return self.path / "etc" / "uuid.txt"

    @property
    def config_file(self) -> Path:
        """The optional configuration file."""
        return self.path / "etc" / "zcasync.conf"

    @property
    def var(self) -> Path:
        """The folder of databases and sockets."""
        return self.path / "var"

    @property
    def log(self) -> Path:
        """The folder of logs."""
        return self.path / "log"

    @property
    def data_fs(self) -> Path:
        """The embedded default's file storage."""
        return self.var / "Data.fs"

    @property
    def blobs(self) -> Path:
        """The embedded default's blobs."""
        return self.var / "blobs"

    @property
    def packed(self) -> Path:
        """The file with the time when the embedded default was packed last."""
        return self.var / "packed.json"

    @property
    def server_identity(self) -> Path:
        """The file with the identity of the embedded default's database server."""
        return self.var / "zeo.json"

    @property
    def supervisor_identity(self) -> Path:
        """The file with the identity of the last supervisor, and its engine."""
        return self.var / "supervisor.json"

    @property
    def last_pass(self) -> Path:
        """The file with the claims of the last engine after its last pass."""
        return self.var / "last_pass.json"

    @property
    def supervisor_lock(self) -> Path:
        """The file that a supervisor locks for as long as it lives."""
        return self.var / "supervisor.lock"

    @property
    def zeo_socket(self) -> Path:
        """The socket of the embedded default's database server."""
        return self.socket_place.path("zeo.sock")

    @property
    def control_socket(self) -> Path:
        """The socket on which the supervisor answers operators."""
        return self.socket_place.path("control.sock")

    @property
    def socket_place(self) -> SocketPlace:
        """The place of the sockets."""
        return SocketPlace(self.path, self.var)

    @property
    def owner(self) -> int | None:
        """The user of the home's data, whose servers are trusted as that is; None: not known."""
        return self.socket_place.owner

    def place_sockets(self) -> None:
        """Make the folder of the sockets where it is missing, before a server listens there.

        Raises ConfigurationError where it is another user's, or cannot be made.
        """
        try:
            self.socket_place.prepare()
        except OSError as error:
            raise ConfigurationError(f"no sockets can be in {self.var}: {error}") from error

    def create(self) -> None:
        """Create the folders that are missing, closed to other users.

        Raises ConfigurationError when one cannot be created, or is another user's.
        """
        try:
            for folder in (self.path, self.path / "etc", self.log):
                folder.mkdir(parents=True, exist_ok=True)
            self.var.mkdir(mode=0o700, exist_ok=True)
            self._require_private(self.var)
        except OSError as error:
            raise ConfigurationError(f"home {self.path} cannot be used: {error}") from error
        self.place_sockets()

    def _require_private(self, folder: Path) -> None:
        found = folder.stat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise ConfigurationError(
                f"{folder} belongs to another user: remove it or move the home"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)

    def require(self) -> None:
        """Raise ConfigurationError when there is no home at this path."""
        if not self.path.is_dir():
            raise ConfigurationError(
                f"there is no instance home at {self.path}: name one with --home or INSTANCE_HOME, "
                f"or make it with: zcasync run --home {self.path}"
            )
