"""The setting outside the homes: those that are trusted although others own or write them.

``/etc/zcasync/trusted`` and ``~/.config/zcasync/trusted``, or instead of both the file that
``$ZCASYNC_TRUSTED`` names, have a line for each home: its path, then ``owner=USER`` (it may be this
user's; without it, anybody's) and ``group=GROUP`` (this group may write).  Several lines for one
home add up.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from zcasync.errors import ConfigurationError

VARIABLE = "ZCASYNC_TRUSTED"
OF_THE_MACHINE = Path("/etc/zcasync/trusted")
FORM = "/PATH/OF/HOME [owner=USER] [group=GROUP]"


@dataclass(frozen=True)
class Listing:
    """The users and groups that a home is trusted with, by id; ``any_owner``: all users."""

    owners: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()
    any_owner: bool = False

    def __or__(self, other: Listing) -> Listing:
        return Listing(
            self.owners | other.owners,
            self.groups | other.groups,
            self.any_owner or other.any_owner,
        )


class NotBelieved(Exception):
    """A file of trusted homes that others could have written; the message gives the reason."""


@dataclass(frozen=True)
class Source:
    """One file of trusted homes, and the users who may own it."""

    path: Path
    owners: frozenset[int]
    must_be_there: bool = False


def sources() -> list[Source]:
    """Return the files that count for this process."""
    own = frozenset({os.geteuid(), 0})
    named = os.environ.get(VARIABLE)
    if named:
        return [Source(Path(named).absolute(), own, must_be_there=True)]
    return [Source(OF_THE_MACHINE, frozenset({0})), *(Source(one, own) for one in _of_the_user())]


def _of_the_user() -> list[Path]:
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(_home_folder(), ".config")
    return [Path(config) / "zcasync" / "trusted"] if os.path.isabs(config) else []


def _home_folder() -> str:
    """Return this user's home folder, '' where there is none.

    ``$HOME`` is that of the user before where somebody has become another one without more ado.
    """
    named = os.path.expanduser("~")
    if os.access(named, os.X_OK) or not os.path.exists(named):
        return named
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return ""


def own_file() -> Path:
    """Return the file in which this user lists homes."""
    return [OF_THE_MACHINE, *(one.path for one in sources())][-1]


def look_up(home: Path) -> tuple[Listing, list[str]]:
    """Return what is listed for a home, and why files that exist are not believed.

    Raises ConfigurationError for a line that makes no sense.
    """
    paths = {os.path.normpath(home), os.path.realpath(home)}
    listing, notes = Listing(), []
    for source in sources():
        try:
            for path, one in _entries(source):
                if path in paths or os.path.realpath(path) in paths:
                    listing |= one
        except NotBelieved as error:
            notes.append(str(error))
    return listing, notes


def _entries(source: Source) -> Iterable[tuple[str, Listing]]:
    for number, line in enumerate(_text(source).splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                yield _entry(words)
        except ValueError as error:
            raise ConfigurationError(
                f"{source.path}, line {number}: {error}; a line has the form {FORM}"
            ) from error


def _entry(words: list[str]) -> tuple[str, Listing]:
    """Return the path and the listing of one line.  Raises ValueError."""
    home, *rest = words
    if not os.path.isabs(home):
        raise ValueError(f"{home!r} is not an absolute path")
    ids: dict[str, set[int]] = {"owner": set(), "group": set()}
    find = {"owner": _uid, "group": _gid}
    for word in rest:
        key, _, name = word.partition("=")
        if key not in ids or not name:
            raise ValueError(f"{word!r} is not understood")
        ids[key].add(find[key](name))
    owners, groups = frozenset(ids["owner"]), frozenset(ids["group"])
    return os.path.normpath(home), Listing(owners, groups, any_owner=not owners)


def _uid(name: str) -> int:
    return _known("user", name, lambda: pwd.getpwnam(name).pw_uid)


def _gid(name: str) -> int:
    return _known("group", name, lambda: grp.getgrnam(name).gr_gid)


def _known(kind: str, name: str, find: Callable[[], int]) -> int:
    """Return the id that a name has, or is.  Raises ValueError."""
    try:
        return int(name) if name.isdecimal() else find()
    except KeyError:
        raise ValueError(f"there is no {kind} {name!r} on this machine") from None


def _text(source: Source) -> str:
    """Return the text of a file; '' when it is not there.  Raises NotBelieved."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(source.path, flags)
    except (FileNotFoundError, NotADirectoryError):
        if source.must_be_there:
            raise NotBelieved(f"{source.path}, which {VARIABLE} names, is not there") from None
        return ""
    except OSError as error:
        raise NotBelieved(f"{source.path} cannot be read: {error.strerror}") from error
    with open(fd, encoding="utf-8", errors="surrogateescape") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise NotBelieved(f"{source.path} is not a file")
        # Who may write the folder, or has made a link, could have put another file there.
        for path, one in (
            (source.path, found),
            (source.path, source.path.lstat()),
            (source.path.parent, source.path.parent.stat()),
        ):
            _require_own(path, one, source)
        return file.read()


def _require_own(path: Path, found: os.stat_result, source: Source) -> None:
    """Raise NotBelieved where another user owns a file or a folder, or may replace it."""
    if found.st_uid not in source.owners:
        raise NotBelieved(f"{source.path} is ignored: {path} belongs to uid {found.st_uid}")
    is_sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not stat.S_ISLNK(found.st_mode) and not is_sticky:
        raise NotBelieved(
            f"{source.path} is ignored: {path} can be written by others: "
            f"chmod go-w {shlex.quote(str(path))}"
        )
