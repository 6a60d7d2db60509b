"""The judgement on a home before it is read: only its user may have written what is in it.

Whoever can write the configuration, the database or a lock of a home has code of his run by all who
use it.  So folders and files must belong to the effective user, or where they are only ever read to
root, and others may not write them.  The exceptions are listed outside the home, see ``trusted``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from zcasync.errors import ConfigurationError
from zcasync.instance import trusted
from zcasync.instance.judgement import (
    GROUP_BITS,
    OTHERS_BITS,
    ROOT,
    WRITE_BITS,
    Doubt,
    Place,
    files_in,
    is_another_folder,
    judge_home,
    on_the_way,
)
from zcasync.instance.remedies import is_for_another, no_home, quoted, told
from zcasync.instance.trusted import Listing
from zcasync.text import printable
from zcasync.users import group

ALL_BITS = GROUP_BITS | OTHERS_BITS
#: What to give ``zcasync`` where it is not a command that has failed.
CHECK = ("check",)
AS_ROOT = (
    "this process runs as root, and so does the code of every job: run the supervisor as a user of "
    "its own"
)


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
        return "; ".join([told(self._home, first, same, words), *self._notes])


def require(home: Path, places: Sequence[Place]) -> bool:
    """Raise UntrustedHome where others could have written what is in a home.

    Returns whether the look that found no doubt has seen the home: others could make one that is
    missing.  Raises ConfigurationError for a file of trusted homes that makes no sense.
    """
    found = judge_home(home, places, Listing())
    if found.doubts:
        listing, notes = trusted.look_up(home)
        found = judge_home(home, places, listing)
        if found.doubts:
            raise UntrustedHome(home, found.doubts, notes)
    return found.is_there


def problems(home: Path, places: Sequence[Place]) -> list[str]:
    """Return a line for each place that others could have written; see ``require``."""
    listing, notes, wrong = _listed(home)
    found = judge_home(home, places, listing).doubts
    if is_another_folder(home) and all(one.leads_to is None for one in found):
        return [no_home(home)]
    foreign = [one for one in found if is_for_another(home, one)]
    said = []
    for owner in dict.fromkeys(one.owner for one in foreign):
        first, *others = (one for one in foreign if one.owner == owner)
        more = f"; and {len(others)} more places like it" if others else ""
        said.append(told(home, first, [first.place.path], CHECK) + more)
    said += [told(home, one, [one.place.path], CHECK) for one in found if one not in foreign]
    return [*wrong, *said, *(notes if found else [])]


def warnings(home: Path, places: Sequence[Place], files: Sequence[Path] = ()) -> list[str]:
    """Return what ``zcasync check`` warns of; each place that others may read is a line.

    So is each of ``files``, which nobody trusts, that they may read or write.  Of what is a problem
    it does not warn, too.
    """
    listing, notes, _ = _listed(home)
    found = {one.place.path for one in judge_home(home, places, listing).doubts}
    of_root = [AS_ROOT] if os.geteuid() == ROOT else []
    if is_another_folder(home):
        return of_root
    named = [*_replaceable(home, places, listing), *_wide(places, files)]
    said = [line for path, line in named if path not in found]
    return [*of_root, *([] if found else notes), *said]


def _listed(home: Path) -> tuple[Listing, list[str], Sequence[str]]:
    """Return what is listed for a home, why files are not believed, and what makes no sense."""
    try:
        return *trusted.look_up(home), []
    except ConfigurationError as error:
        return Listing(), [], error.problems


def _replaceable(
    home: Path, places: Sequence[Place], listing: Listing
) -> Iterator[tuple[Path, str]]:
    """Yield which folders above a home, and above what its links lead to, groups may write."""
    for path, leads_to, seen in on_the_way(home, places):
        is_open = stat.S_ISDIR(seen.st_mode) and seen.st_mode & GROUP_BITS & WRITE_BITS
        if is_open and not seen.st_mode & stat.S_ISVTX and seen.st_gid not in listing.groups:
            yield (
                path,
                f"{printable(str(path))}, where others could put something else in place of "
                f"{printable(str(leads_to))}, can be written by {group(seen.st_gid)}: "
                f"chmod g-w {quoted(path)}",
            )


def _wide(places: Iterable[Place], files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield which of this user's folders and files others may use, with what closes them."""
    paths = [path for place in places for path in (place.path, *files_in(place))]
    for path in dict.fromkeys((*paths, *files)):
        try:
            seen = path.stat()
        except OSError:
            continue
        mode = stat.S_IMODE(seen.st_mode)
        if mode & ALL_BITS and seen.st_uid == os.geteuid():
            closed = "700" if stat.S_ISDIR(seen.st_mode) else "600"
            yield (
                path,
                f"{printable(str(path))} is open to other users (mode {mode:04o}): "
                f"chmod {closed} {quoted(path)}",
            )


def closed_mode(home: Path, seen: os.stat_result) -> int:
    """Return the mode that a folder of a home should have for nobody else to be able to use it.

    A group that is listed for the home keeps what it may.
    """
    mode = stat.S_IMODE(seen.st_mode)
    if mode & GROUP_BITS and seen.st_gid in trusted.look_up(home)[0].groups:
        return mode & ~OTHERS_BITS
    return mode & ~ALL_BITS
