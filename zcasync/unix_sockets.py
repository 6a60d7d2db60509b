"""The trust in unix sockets: no other user may listen, or answer, in the place of a server.

What a server sends is loaded as objects, so whoever can listen where clients look for theirs has
code run by them.  The folder of a socket decides who can listen there, and the kernel tells who
does (``SO_PEERCRED``; where it does not, as on macOS, the folder alone decides).

Trusted are this process's own user, root, who could do all of it anyway, and the owner of the
socket's folder where the way to it was laid by these three alone: a database server under an
account of its own, in a folder that the author of the configuration has chosen.  Where a home is
used that was found trustworthy before, so is its ``owner``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zcasync.errors import ConfigurationError
from zcasync.users import user_name
from zcasync.ways import way_to

ROOT = 0
#: The kernel refuses longer paths for unix sockets (108 bytes with the closing zero).
SOCKET_PATH_LIMIT_BYTES = 107
#: ``struct ucred`` of Linux: pid, uid, gid.
CREDENTIALS = struct.Struct("iII")
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_MAY_ANYTHING = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Peer:
    """The process at the other end of a unix socket, as the kernel knows it.

    ``uid``: its effective user when it connected, or began to listen; ``pid``: 0 where it is in
    another pid namespace.
    """

    uid: int
    pid: int


def fits(path: Path) -> bool:
    """Return whether a socket can have this path."""
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES


def peer_of(connected: Any) -> Peer | None:
    """Return the process at the other end of a connected socket.

    None where the platform does not tell.  Raises OSError for a socket that is closed.
    """
    if sys.platform != "linux":
        return None
    option = socket.SO_PEERCRED
    found = connected.getsockopt(socket.SOL_SOCKET, option, CREDENTIALS.size)
    pid, uid, _ = CREDENTIALS.unpack(found)
    return Peer(uid, pid)


def trusted_users(path: str | os.PathLike[str], owner: int | None = None) -> frozenset[int]:
    """Return the users whose server may listen at ``path``.

    ``owner``: that of the home whose socket it is, which is known to be trusted; None: of none.
    """
    folder = Path(path).absolute().parent
    trusted = frozenset((os.geteuid(), ROOT, os.geteuid() if owner is None else owner))
    try:
        with_owner = trusted | {folder.stat().st_uid}
        is_laid_by_them = all(_is_closed(one, with_owner) for one in way_to(folder))
    except OSError:  # missing, or it may not be looked at: then it proves nothing
        return trusted
    return with_owner if is_laid_by_them else trusted


def _is_closed(place: Path, users: frozenset[int]) -> bool:
    """Return whether only these users can change a link, or what is in a folder."""
    found = place.lstat()
    is_writable = not stat.S_ISLNK(found.st_mode) and found.st_mode & OTHERS_MAY_WRITE
    return found.st_uid in users and not is_writable


def require_trusted_folder(path: str | os.PathLike[str], owner: int | None = None) -> None:
    """Raise ConfigurationError where another user has put the folder of a socket there.

    Does nothing where it is missing.  ``owner``: as for ``trusted_users``.
    """
    folder = Path(path).absolute().parent
    trusted = trusted_users(path, owner)
    try:
        owners = [(one, one.lstat().st_uid) for one in way_to(folder) if one.is_symlink()]
        owners.append((folder, folder.stat().st_uid))
    except OSError:  # whoever connects there finds out why
        return
    for place, found in owners:
        if found not in trusted:
            raise ConfigurationError(
                f"{place} belongs to another user ({user_name(found)}), who could answer there in "
                "the place of a server, so nothing connects to it: have it removed by root, or "
                "name a socket whose folder only its owner can write"
            )


def require_trusted_peer(
    connected: Any, path: str | os.PathLike[str], owner: int | None = None
) -> None:
    """Raise ConfigurationError where no trusted user's process listens at the other end.

    ``path``: that of the socket; ``owner``: as for ``trusted_users``.  Raises OSError for a socket
    that is closed.
    """
    peer = peer_of(connected)
    if peer is not None and peer.uid not in trusted_users(path, owner):
        raise ConfigurationError(
            f"at {path} a process of another user answers ({user_name(peer.uid)}, process "
            f"{peer.pid}), so nothing that it says is read: end it, and let the socket be in a "
            "folder that only the server's own user can write"
        )


def require_closed_folder(path: str | os.PathLike[str], owner: int | None = None) -> None:
    """Raise ConfigurationError where all users can enter a socket's folder, or made it.

    For a server before it listens there; ``owner``: as for ``trusted_users``.
    """
    require_trusted_folder(path, owner)
    folder = Path(path).absolute().parent
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot hold a socket: {error.strerror}") from error
    if mode & stat.S_IRWXO:
        raise ConfigurationError(
            f"{folder} is open to all users (mode {mode:04o}), who could reach its sockets: "
            f"chmod 700 {folder}"
        )


def make_own_folder(folder: Path) -> None:
    """Make a folder for sockets, closed to other users, or close the one that is there.

    Raises ConfigurationError where that is another user's, or a link; OSError where it cannot be.
    """
    with contextlib.suppress(FileExistsError):  # it may be ours, from before
        os.mkdir(folder, 0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        kind = "is no folder" if stat.S_ISREG(found.st_mode) else "belongs to another user"
        raise ConfigurationError(
            f"{folder} {kind} ({user_name(found.st_uid)}), so no sockets are put there: as root, "
            f"rm -r {folder}; or let the home have a shorter path"
        )
    if found.st_mode & OTHERS_MAY_ANYTHING:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(fd, 0o700)
        finally:
            os.close(fd)
