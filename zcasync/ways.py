"""The ways to paths: all folders and links that decide where a path leads.

Whoever can write one of the folders, or owns a link, can let the path lead elsewhere.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

#: The kernel follows no more of them on one way.
MOST_LINKS = 40


def way_to(path: Path) -> Iterator[Path]:
    """Yield what decides where a path leads: it, what it lies in, and those of links on the way.

    Whoever looks at one that is missing, or hidden, finds that out.  Raises OSError for more links
    than the kernel follows.
    """
    waiting, known, links = [path], set(), 0
    while waiting:
        place = waiting.pop()
        if place in known:
            continue
        known.add(place)
        yield place
        waiting.append(place.parent)
        target = _target(place)
        if target is not None:
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            waiting.append(target)


def _target(place: Path) -> Path | None:
    try:
        return place.parent / os.readlink(place)
    except OSError:  # no link, as a rule
        return None
