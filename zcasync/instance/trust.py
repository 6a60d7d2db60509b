"""The judgement on a home before it is read: only its user may have written what is in it.

Whoever can write the configuration, the database or a lock of a home has code of his run by all who
use it.  So folders and files must belong to the effective user, or where they are only ever read to
root, and others may not write them.  The exceptions are listed outside the home, see ``trusted``.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from zcasync.errors import ConfigurationError
from zcasync.instance import trusted
from zcasync.instance.trusted import Listing
from zcasync.text import printable
from zcasync.users import group, name_of, user

ROOT = 0
GROUP_BITS, OTHERS_BITS = 0o070, 0o007
ALL_BITS = GROUP_BITS | OTHERS_BITS
WRITE_BITS = 0o222
#: Another user's folder may have any number of files in it.
MOST_OF_OTHERS = 100
#: What to give ``zcasync`` where it is not a command that has failed.
CHECK = ("check",)
AS_ROOT = (
    "this process runs as root, and so does the code of every job: run the supervisor as a user of "
    "its own"
)


@dataclass(frozen=True)
class Place:
    """A folder or a file to be judged; one that is missing is in order.

    ``may_be_roots``: it is only read.  ``may_be_link``: to what is judged as well.  ``with_files``:
    so are the files in it.
    """

    path: Path
    may_be_roots: bool = False
    may_be_link: bool = False
    with_files: bool = False


@dataclass(frozen=True)
class Doubt:
    """A place that others could have written; ``owner``: of another user, else None."""

    place: Place
    reason: str
    owner: int | None = None
    #: The command that sets it right, without the path; '' where none does.
    remedy: str = ""


class UntrustedHome(ConfigurationError):
    """Others could have written what is in a home.  ``problems``: the first, with what to do."""

    def __init__(self, home: Path, doubts: Sequence[Doubt], notes: Sequence[str] = ()) -> None:
        self._home = home
        self._doubts = doubts
        self._notes = notes
        super().__init__(self.told(CHECK))

    def told(self, words: Sequence[str]) -> str:
        """Return what is wrong, and what to do in place of ``zcasync`` with these words."""
        first = self._doubts[0]
        same = [one.place.path for one in self._doubts if one.remedy == first.remedy]
        return "; ".join([_told(self._home, first, same, words), *self._notes])


def _told(home: Path, doubt: Doubt, paths: Sequence[Path], words: Sequence[str]) -> str:
    """Return a doubt with what to do about it, and about others where that is the same."""
    said = f"{printable(str(doubt.place.path))} {doubt.reason}"
    if doubt.owner is not None and not _can_be_ours(home, doubt.place):
        return said + _be_another(home, doubt.owner, words)
    return f"{said}: {doubt.remedy} {_quoted(*paths)}" if doubt.remedy else said


def _can_be_ours(home: Path, place: Place) -> bool:
    """Return whether it is likely that another user's file came into a home of this user."""
    try:
        is_ours = home.stat().st_uid == os.geteuid()
    except OSError:
        return False
    # Root makes homes for others, who then own the folders that a supervisor writes.
    return is_ours and (os.geteuid() != ROOT or not place.path.is_dir())


def _be_another(home: Path, owner: int, words: Sequence[str]) -> str:
    """Return what to do about a home of another user."""
    listed = f"list it in {trusted.own_file()}"
    if os.geteuid() != ROOT:
        return (
            ", who could have anything run here: name a home of your own with --home, or, where "
            f"you trust that user as yourself, {listed}"
        )
    command, *rest = words
    if not any(one == "--home" or one.startswith("--home=") for one in rest):
        rest = ["--home", str(home), *rest]
    line = shlex.join(["sudo", "-u", name_of(owner) or f"#{owner}", "zcasync", command, *rest])
    return f", who could have anything run as root: be that user: {printable(line)} (or {listed})"


def require(home: Path, places: Iterable[Place]) -> None:
    """Raise UntrustedHome where others could have written what is in a home.

    Raises ConfigurationError for a file of trusted homes that makes no sense.
    """
    places = list(places)
    if not doubts(places, Listing()):
        return
    listing, notes = trusted.look_up(home)
    found = doubts(places, listing)
    if found:
        raise UntrustedHome(home, found, notes)


def problems(home: Path, places: Iterable[Place]) -> list[str]:
    """Return a line for each place that others could have written; see ``require``."""
    try:
        listing, notes = trusted.look_up(home)
        wrong = []
    except ConfigurationError as error:
        listing, notes, wrong = Listing(), [], error.problems
    found = doubts(places, listing)
    said = [_told(home, one, [one.place.path], CHECK) for one in found]
    return [*wrong, *said, *(notes if found else [])]


def warnings(home: Path, places: Iterable[Place]) -> list[str]:
    """Return what ``zcasync check`` warns of; each place that others may read is a line."""
    try:
        _, notes = trusted.look_up(home)
    except ConfigurationError:  # a problem
        notes = []
    of_root = [AS_ROOT] if os.geteuid() == ROOT else []
    return [*of_root, *notes, *_replaceable(home), *_wide(places)]


def _replaceable(home: Path) -> list[str]:
    """Return what is wrong with the folder that a home is in, as far as others may write it."""
    try:
        seen = home.parent.stat()
    except OSError:
        return []
    said = f"{printable(str(home.parent))}, where others could put another home in place of this"
    if seen.st_uid not in (os.geteuid(), ROOT):
        return [f"{said}, belongs to another user, {user(seen.st_uid)}: move the home"]
    if seen.st_mode & OTHERS_BITS & WRITE_BITS and not seen.st_mode & stat.S_ISVTX:
        return [f"{said}, can be written by all users: chmod o-w {_quoted(home.parent)}"]
    return []


def doubts(places: Iterable[Place], listing: Listing) -> list[Doubt]:
    """Return all places that others could have written."""
    found: dict[Path, Doubt] = {}
    judge = _Judge(listing)
    for place in places:
        doubt = judge.doubt(place, found)
        if doubt is not None:
            found[place.path] = doubt
        for file in _files_in(place, None if doubt is None else MOST_OF_OTHERS):
            doubt = judge.doubt(Place(file, place.may_be_roots, may_be_link=True), found)
            if doubt is not None:
                found[file] = doubt
    return list(found.values())


def _files_in(place: Place, most: int | None = None) -> list[Path]:
    """Return what is in a folder whose files are to be judged too; at ``most`` so many."""
    if not place.with_files:
        return []
    try:
        with os.scandir(place.path) as found:
            return sorted(Path(one.path) for one in islice(found, most))
    except OSError:  # missing, or it may not be listed: then nothing else in it can be found either
        return []


class _Judge:
    """Judges places, with what is listed for their home."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._user = os.geteuid()

    def doubt(self, place: Place, found: dict[Path, Doubt]) -> Doubt | None:
        """Return the doubt about a place; ``found``: those about others."""
        try:
            seen = place.path.lstat()
            if not stat.S_ISLNK(seen.st_mode):
                return self._judge(place, seen)
            return self._judge_link(place, seen)
        except PermissionError:
            is_said = any(parent in found for parent in place.path.parents)
            return None if is_said else self._hidden(place)
        except OSError:  # it is not there; or reading it will report the reason
            return None

    def _judge_link(self, place: Place, seen: os.stat_result) -> Doubt | None:
        if not place.may_be_link:
            return Doubt(place, "is a link, through which nothing is written: remove it")
        foreign = self._judge_owner(place, seen, may_be_roots=True)
        if foreign is not None:
            return foreign
        try:
            target = place.path.stat()
        except PermissionError:
            raise
        except OSError as error:
            return Doubt(place, f"is a link that leads to nothing ({error.strerror}): remove it")
        # Another user, although trusted with this home, could choose any file of ours.
        if seen.st_uid not in (self._user, ROOT, target.st_uid):
            return Doubt(place, f"is a link of {user(seen.st_uid)} to what is another's")
        return self._judge(place, target)

    def _judge(self, place: Place, seen: os.stat_result) -> Doubt | None:
        foreign = self._judge_owner(place, seen, place.may_be_roots)
        if foreign is not None:
            return foreign
        mode = stat.S_IMODE(seen.st_mode)
        if mode & OTHERS_BITS & WRITE_BITS:
            return Doubt(
                place, f"can be written by all users (mode {mode:04o})", remedy="chmod go-w"
            )
        if mode & GROUP_BITS & WRITE_BITS and seen.st_gid not in self._listing.groups:
            who = group(seen.st_gid)
            return Doubt(place, f"can be written by {who} (mode {mode:04o})", remedy="chmod go-w")
        return None

    def _judge_owner(self, place: Place, seen: os.stat_result, may_be_roots: bool) -> Doubt | None:
        allowed = {self._user, *self._listing.owners, *([ROOT] if may_be_roots else [])}
        if self._listing.any_owner or seen.st_uid in allowed:
            return None
        change = f"chown -hR {name_of(self._user) or self._user}"
        if self._user != ROOT:
            change = f"sudo {change}"
        who = user(seen.st_uid)
        return Doubt(place, f"belongs to another user, {who}", seen.st_uid, change)

    def _hidden(self, place: Place) -> Doubt | None:
        """Return the doubt about what another user's folder hides."""
        try:
            owner = place.path.parent.stat().st_uid
        except OSError:
            return None
        if owner == self._user:
            return None  # then reading it reports the reason
        return Doubt(place, f"is hidden from this user: its folder belongs to {user(owner)}", owner)


def _wide(places: Iterable[Place]) -> Iterator[str]:
    """Yield which of this user's folders and files others may read, with what closes them."""
    paths = [path for place in places for path in (place.path, *_files_in(place))]
    for path in dict.fromkeys(paths):
        try:
            seen = path.stat()
        except OSError:
            continue
        mode = stat.S_IMODE(seen.st_mode)
        if mode & ALL_BITS and seen.st_uid == os.geteuid():
            closed = "700" if stat.S_ISDIR(seen.st_mode) else "600"
            yield (
                f"{printable(str(path))} is open to other users (mode {mode:04o}): "
                f"chmod {closed} {_quoted(path)}"
            )


def closed_mode(home: Path, seen: os.stat_result) -> int:
    """Return the mode that a folder of a home should have for nobody else to be able to use it.

    A group that is listed for the home keeps what it may.
    """
    mode = stat.S_IMODE(seen.st_mode)
    if mode & GROUP_BITS and seen.st_gid in trusted.look_up(home)[0].groups:
        return mode & ~OTHERS_BITS
    return mode & ~ALL_BITS


def _quoted(*paths: Path) -> str:
    return " ".join(shlex.quote(printable(str(path))) for path in paths)
