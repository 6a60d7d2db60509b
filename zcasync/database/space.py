"""Space: how large the embedded default's database is, how it grows, what its disk has left.

The supervisor notes the sizes now and then in a small file of the home.  What a pack gives back is
no growth, so the growth of a day is that from note to note, where it is any.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from zcasync.instance import own_files
from zcasync.instance.home import Home

DAY_SECONDS = 86400.0
NOTE_SECONDS = DAY_SECONDS / 4
#: So many notes are kept: about a week.
MOST_NOTES = 30
#: No growth is told before it was looked at for so long: an hour of much work is no day.
LEAST_SECONDS = DAY_SECONDS


@dataclass(frozen=True)
class Space:
    """Sizes in bytes; ``blobs`` at the last note; None: not known.

    ``free``: what this user can still write on the disk; ``growth``: a day.
    """

    size: int
    blobs: int | None
    free: int | None
    growth: int | None

    @property
    def days_left(self) -> float | None:
        """After how many days the disk is full; None: not known, or it does not grow."""
        if not self.growth or self.free is None:
            return None
        return self.free / self.growth


def look(home: Home) -> Space | None:
    """Return the space of a home's database; None: there is none yet.  Costs the same always."""
    try:
        size = home.data_fs.stat().st_size
    except OSError:
        return None
    notes = _read(home)
    blobs = notes[-1][2] if notes else None
    return Space(size, blobs, _free(home), growth([*notes, (time.time(), size, blobs or 0)]))


def note(home: Home) -> None:
    """Note the sizes of now.  Takes long where there are very many blobs."""
    try:
        size = home.data_fs.stat().st_size
    except OSError:
        return
    now = time.time()
    # A clock that was set back leaves notes of the future.
    notes = [one for one in _read(home) if one[0] < now]
    notes = [*notes, (now, size, _size_of_blobs(home))][-MOST_NOTES:]
    with suppress(OSError):  # on a full disk there is more to worry about
        own_files.replace(home.space, json.dumps(notes))


def growth(notes: list[tuple[float, int, int]]) -> int | None:
    """Return by how much a database has grown in a day, bytes; None: it is not known yet.

    ``notes``: time, seconds since 1970, its size and that of its blobs, oldest first.
    """
    seconds = notes[-1][0] - notes[0][0]
    if seconds < LEAST_SECONDS:
        return None
    totals = [size + blobs for _, size, blobs in notes]
    grown = sum(max(0, new - old) for old, new in pairwise(totals))
    return round(grown / seconds * DAY_SECONDS)


def _read(home: Home) -> list[tuple[float, int, int]]:
    """Return the notes, oldest first; what cannot be read is none."""
    try:
        found: Any = json.loads(home.space.read_text())
        return [(float(at), int(size), int(blobs)) for at, size, blobs in found]
    except (OSError, ValueError, TypeError):
        return []


def _free(home: Home) -> int | None:
    try:
        found = os.statvfs(home.data_fs)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _size_of_blobs(home: Home) -> int:
    size = 0
    for folder, _, names in os.walk(home.blobs):
        for name in names:
            with suppress(OSError):  # a pack removes some meanwhile
                size += os.lstat(os.path.join(folder, name)).st_size
    return size
