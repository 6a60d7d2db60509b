"""The instance home: the folder of one worker's identity, sockets, data and logs."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from zcasync.errors import ConfigurationError
from zcasync.instance import own_files, trust
from zcasync.instance.judgement import MOST_OF_OTHERS, Place, files_in
from zcasync.instance.socket_place import SocketPlace

#: What FileStorage has beside its file.
BESIDE_DATA = (".index", ".index.index_tmp", ".lock", ".old", ".pack", ".tmp")


@dataclass(frozen=True)
class Home:
    """The paths of an instance home; creates nothing by itself."""

    path: Path

    @classmethod
    def find(cls, home: str | os.PathLike[str] | None = None) -> Home:
        """Return the home at ``home``, else ``$INSTANCE_HOME``, else ``./instance``; absolute.

        Raises ConfigurationError where others could have written what is in it: nothing there may
        be read before.
        """
        found = cls.named(home)
        found.require_trusted()
        return found

    @classmethod
    def named(cls, home: str | os.PathLike[str] | None = None) -> Home:
        """Return the home as ``find`` does, whoever could have written what is in it.

        Raises ConfigurationError for what no path can be.
        """
        path = home or os.environ.get("INSTANCE_HOME") or "instance"
        try:
            is_path = b"\0" not in os.fsencode(path)
        except UnicodeEncodeError:
            is_path = False
        if not is_path:
            raise ConfigurationError(f"home {os.fspath(path)!a} is no path of a folder")
        try:
            return cls(Path(path).absolute())
        except OSError as error:
            raise ConfigurationError(
                f"home {os.fspath(path)!a} is in the current directory, which is gone: name the "
                "home with its whole path, or go to another directory"
            ) from error

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
    def log_file(self) -> Path:
        """The log of supervisors that ``zcasync run`` has started, and of commands."""
        return self.log / "zcasync.log"

    @property
    def data_fs(self) -> Path:
        """The embedded default's file storage."""
        return self.var / "Data.fs"

    @property
    def loss(self) -> str | None:
        """The warning that the embedded default's file is gone; None: it is there, or never was."""
        if self.data_fs.exists() or not self.uuid_file.exists():
            return None
        return (
            f"a supervisor has served {self.path} before, but {self.data_fs} is not there: the "
            "next begins with an empty database; if it was moved, stop it and move it back"
        )

    @property
    def blobs(self) -> Path:
        """The embedded default's blobs."""
        return self.var / "blobs"

    @property
    def packed(self) -> Path:
        """The file with the time when the embedded default was packed last."""
        return self.var / "packed.json"

    @property
    def packing(self) -> Path:
        """The file about the pack of the embedded default that goes on, or has failed."""
        return self.var / "packing.json"

    @property
    def space(self) -> Path:
        """The file with the sizes that the embedded default had in the last days."""
        return self.var / "space.json"

    @property
    def server_identity(self) -> Path:
        """The file with the identity of the embedded default's database server."""
        return self.var / "zeo.json"

    @property
    def supervisor_identity(self) -> Path:
        """The file with the identity of the last supervisor, and its engine."""
        return self.var / "supervisor.json"

    @property
    def content_note(self) -> Path:
        """The file that says which content was called in children without an application."""
        return self.var / "content.txt"

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
        return SocketPlace(self.path, self.var, self.supervisor_lock)

    @property
    def owner(self) -> int | None:
        """The user of the home's data, whose servers are trusted as that is; None: not known."""
        return self.socket_place.owner

    def place_sockets(self) -> None:
        """Make the folder of the sockets where it is missing, before a server listens there.

        Only for who has the home's lock: clients look where the last one has written that it is.
        Raises ConfigurationError where it is another user's, or cannot be made.
        """
        try:
            self.socket_place.prepare()
        except OSError as error:
            raise ConfigurationError(f"no sockets can be in {self.var}: {error}") from error

    def places(self) -> list[Place]:
        """Return what has to be trusted before anything in the home is read."""
        sockets = self.socket_place.record
        kept = (
            self.packed,
            self.packing,
            self.space,
            self.server_identity,
            self.supervisor_identity,
            sockets,
            self.content_note,
        )
        written = (
            self.log_file,
            *(self.data_fs.with_name(f"{self.data_fs.name}{suffix}") for suffix in BESIDE_DATA),
            *(one for path in kept for one in (path, path.with_suffix(".new"))),
            self.last_pass,
            self.supervisor_lock,
        )
        return [
            Place(self.path, may_be_roots=True, may_be_link=True),
            Place(self.path / "etc", may_be_roots=True, may_be_link=True, with_files=True),
            # By name too: a folder that may not be listed can be entered.
            *(Place(one, True, True) for one in (self.uuid_file, self.config_file)),
            *(Place(one, may_be_link=True) for one in (self.log, self.var)),
            *(Place(one, may_be_link=True) for one in (self.data_fs, self.blobs)),
            *map(Place, written),
        ]

    def require_trusted(self) -> None:
        """Raise ConfigurationError where others could have written what is in the home."""
        self.is_there()

    def is_there(self) -> bool:
        """Return whether the home's folder is there, by the look that judges it.

        Where it is missing nothing of it may be read later, as others could make it meanwhile.
        Raises ConfigurationError as ``require_trusted`` does.
        """
        return trust.require(self.path, self.places())

    def trust_problems(self) -> list[str]:
        """Return each reason for which the home is not trusted; with none it may be read."""
        return trust.problems(self.path, self.places())

    def trust_warnings(self) -> list[str]:
        """Return what is no reason, but gives others, or jobs, more than they need."""
        private = [place for place in self.places() if place.path != self.var]
        folders = [Place(one, may_be_link=True, with_files=True) for one in (self.log, self.var)]
        files = [one for folder in folders for one in files_in(folder, MOST_OF_OTHERS)]
        return trust.warnings(self.path, private, files)

    def closed_mode(self, found: os.stat_result) -> int:
        """Return the mode with which only those use a folder who are trusted with this home."""
        return trust.closed_mode(self.path, found)

    def create(self) -> None:
        """Create the folders that are missing, closed to other users.

        Raises ConfigurationError when one cannot be created, or is another user's.
        """
        self.require_trusted()
        try:
            self.make()
            for folder in (self.path / "etc", self.log, self.var):
                own_files.create_folder(folder)
            self._close(self.var)
        except OSError as error:
            raise ConfigurationError(f"home {self.path} cannot be used: {error}") from error

    def make(self) -> None:
        """Create the home's own folder, closed to other users, where it is missing.

        Raises ConfigurationError where others were quicker, or could be; OSError.
        """
        own_files.create_parents(self.path)
        own_files.create_folder(self.path)
        if not self.is_there():
            raise FileNotFoundError(errno.ENOENT, "it was removed again", str(self.path))

    def _close(self, folder: Path) -> None:
        """Close a folder of this user to others; a link is the user's own choice."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            closed = self.closed_mode(found)
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != closed:
                os.fchmod(fd, closed)
        finally:
            os.close(fd)

    def require(self) -> None:
        """Raise ConfigurationError when there is no home at this path, or others could write it."""
        if not self.is_there():
            raise ConfigurationError(
                f"there is no instance home at {self.path}: name one with --home or INSTANCE_HOME, "
                f"or make it with: zcasync run --home {self.path}"
            )
