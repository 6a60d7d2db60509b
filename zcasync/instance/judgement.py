"""The judgement on the places of a home, and on the way to it: which others could have written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from zcasync.instance.trusted import Listing
from zcasync.text import printable
from zcasync.users import group, name_of, user
from zcasync.ways import way_to

ROOT = 0
GROUP_BITS, OTHERS_BITS = 0o070, 0o007
WRITE_BITS, ENTER_BITS = 0o222, 0o111
#: Only homes have one of these, ...
MARKS = ("etc/uuid.txt", "etc/zcasync.conf", "var/Data.fs")
#: ... or all of these.
MADE_AT_START = {"etc", "log", "var"}
#: Another user's folder may have any number of files in it.
MOST_OF_OTHERS = 100


@dataclass(frozen=True)
class Place:
    """A folder or a file to be judged; one that is missing is in order.

    ``may_be_roots``: it is only read.  ``may_be_link``: to what is judged as well.  ``with_files``:
    so are the configurations in it.
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
    #: The command that sets it right, with {} for the paths; '' where none does.
    remedy: str = ""
    #: The place of the home that this one is on the way to; None: it is one itself.
    leads_to: Path | None = None
    #: Nothing is known of it, as this user cannot enter a folder that it is in.
    is_hidden: bool = False


@dataclass(frozen=True)
class Judgement:
    """What one look at a home has found; ``is_there``: the home, as a folder, was seen by it."""

    doubts: list[Doubt]
    is_there: bool


def judge_home(home: Path, places: Sequence[Place], listing: Listing) -> Judgement:
    """Judge all places of a home, and what others could put in place of one."""
    found: dict[Path, Doubt] = {}
    judge = _Judge(home, listing)
    for place in places:
        doubt = judge.doubt(place, found)
        if doubt is not None:
            found[place.path] = doubt
        for file in _read_files_in(place, None if doubt is None else MOST_OF_OTHERS):
            doubt = judge.doubt(Place(file, place.may_be_roots, may_be_link=True), found)
            if doubt is not None:
                found[file] = doubt
    if not listing.any_owner:  # else another home in its place would be as good
        for path, leads_to, seen in on_the_way(home, places):
            doubt = judge.doubt_on_the_way(path, leads_to, seen)
            if doubt is not None:
                found.setdefault(path, doubt)
    return Judgement(list(found.values()), home in judge.folders)


def _read_files_in(place: Place, most: int | None = None) -> list[Path]:
    """Return those files that are read: not what an editor has laid beside one.

    Others are what these include, by any name and anywhere; none can be put into a folder of ours.
    """
    return [path for path in files_in(place, most) if path.match("[!.]*.conf")]


def files_in(place: Place, most: int | None = None) -> list[Path]:
    """Return what is in a folder with files to be judged; at ``most`` so many."""
    if not place.with_files:
        return []
    try:
        with os.scandir(place.path) as found:
            return sorted(Path(one.path) for one in islice(found, most))
    except OSError:  # missing, or it may not be listed: then nothing else in it can be found either
        return []


def on_the_way(home: Path, places: Sequence[Place]) -> Iterator[tuple[Path, Path, os.stat_result]]:
    """Yield what lies on the way to a home, and to what links in it lead to.

    Each with the place of the home that it leads to, and its own state.
    """
    known = {place.path for place in places}
    for start in (home, *_links(places)):
        end = _look(start, follow=True)
        with contextlib.suppress(OSError):  # too many links: reading it will report that
            for path in (one for one in way_to(start) if one not in known):
                known.add(path)
                seen = _look(path)
                if seen is not None and not (end and os.path.samestat(seen, end)):
                    yield path, start, seen


def _look(path: Path, follow: bool = False) -> os.stat_result | None:
    """Return the state of a file or a folder; None: it is missing, or hidden."""
    try:
        return path.stat(follow_symlinks=follow)
    except OSError:
        return None


def _links(places: Sequence[Place]) -> Iterator[Path]:
    """Yield the links of a home that are followed."""
    for place in places:
        for path in (place.path, *_read_files_in(place, MOST_OF_OTHERS)):
            if place.may_be_link and os.path.islink(path):
                yield path


def _is_out_of_reach(place: Place, seen: os.stat_result) -> bool:
    """Return whether a file lies in a folder that nobody but its owner can enter."""
    if not stat.S_ISREG(seen.st_mode) or place.path.is_symlink():
        return False
    folder = _look(place.path.parent, follow=True)
    return folder is not None and not folder.st_mode & ENTER_BITS & (GROUP_BITS | OTHERS_BITS)


class _Judge:
    """Judges places, with what is listed for their home."""

    def __init__(self, home: Path, listing: Listing) -> None:
        self._home = home
        self._listing = listing
        self._user = os.geteuid()
        #: Those among the places that were there.
        self.folders: set[Path] = set()

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
        if stat.S_ISDIR(seen.st_mode):
            self.folders.add(place.path)
        foreign = self._judge_owner(place, seen, place.may_be_roots)
        if foreign is not None:
            return foreign
        mode = stat.S_IMODE(seen.st_mode)
        if mode & OTHERS_BITS & WRITE_BITS:
            reason = f"can be written by all users (mode {mode:04o})"
            return Doubt(place, reason, remedy=self._close(place, seen))
        is_groups = mode & GROUP_BITS & WRITE_BITS and not _is_out_of_reach(place, seen)
        if is_groups and seen.st_gid not in self._listing.groups:
            who = group(seen.st_gid)
            reason = f"can be written by {who} (mode {mode:04o})"
            return Doubt(place, reason, remedy=self._close(place, seen))
        return None

    def _close(self, place: Place, seen: os.stat_result) -> str:
        """Return the command that closes a place, after which this user can work in it."""
        if self._user in (ROOT, seen.st_uid):
            return "chmod go-w {}"
        # A volume, as a rule: as long as it is root's, only all users together can write it.
        is_volume = place.path == self._home and seen.st_uid == ROOT
        take = f"sudo chown {name_of(self._user) or self._user} {{}} && " if is_volume else ""
        return f"{take}sudo chmod go-w {{}}"

    def _judge_owner(self, place: Place, seen: os.stat_result, may_be_roots: bool) -> Doubt | None:
        allowed = {self._user, *self._listing.owners, *([ROOT] if may_be_roots else [])}
        if self._listing.any_owner or seen.st_uid in allowed:
            return None
        change = f"chown -hR {name_of(self._user) or self._user} {{}}"
        if self._user != ROOT:
            change = f"sudo {change}"
        who = user(seen.st_uid)
        return Doubt(place, f"belongs to another user, {who}", seen.st_uid, change)

    def doubt_on_the_way(self, path: Path, leads_to: Path, seen: os.stat_result) -> Doubt | None:
        """Return the doubt about a folder or a link on the way to a place of a home."""
        place = Place(path, may_be_roots=True, may_be_link=True)
        if seen.st_uid not in {self._user, ROOT, *self._listing.owners}:
            reason = f"belongs to another user, {user(seen.st_uid)}"
            return Doubt(place, reason, seen.st_uid, leads_to=leads_to)
        # In a sticky folder nobody else can rename, or remove, what is ours.
        is_kept = stat.S_ISLNK(seen.st_mode) or seen.st_mode & stat.S_ISVTX
        if seen.st_mode & OTHERS_BITS & WRITE_BITS and not is_kept:
            reason = f"can be written by all users (mode {stat.S_IMODE(seen.st_mode):04o})"
            remedy = "chmod o-w {}" if self._user in (ROOT, seen.st_uid) else ""
            return Doubt(place, reason, remedy=remedy, leads_to=leads_to)
        return None

    def _hidden(self, place: Place) -> Doubt | None:
        """Return the doubt about what another user's folder hides."""
        for folder in place.path.parents:
            seen = _look(folder, follow=True)
            if seen is not None:
                break
        if seen is None or seen.st_uid == self._user:
            return None  # then reading it reports the reason
        who = user(seen.st_uid)
        reason = f"is hidden from this user: {printable(str(folder))} belongs to {who}"
        return Doubt(place, reason, seen.st_uid, is_hidden=True)


def is_another_folder(home: Path) -> bool:
    """Return whether a folder that is there is in use for something else than a home.

    One that is empty can become a home, and so can a volume.
    """
    try:
        names = set(os.listdir(home)) - {"lost+found"}
    except OSError:
        return False
    is_marked = any(os.path.lexists(home / name) for name in MARKS)
    return bool(names) and not is_marked and not names.issuperset(MADE_AT_START)
