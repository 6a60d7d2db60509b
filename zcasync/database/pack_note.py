"""The note about the pack of the embedded default's file that goes on, or that has failed.

Whoever packs leaves it in the home for as long as that takes, with the identity of the process, so
that others can tell a pack from what a crash has left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from zcasync.database.packing import packed_file
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity

#: The message of RelStorage's error where another one packs.
ALREADY_RELATIONAL = "A pack or undo operation is in progress"
#: The message of FileStorage's error where another one packs, also through a server.
ALREADY = "Already packing"


@dataclass(frozen=True)
class PackNote:
    """``since``: when it has begun, seconds since 1970; ``problem``: why it has failed.

    ``is_running``: its process lives; ``written``: bytes of the packed file so far, None: it looks
    for what is needed still.  It ends with no more than the size of the file that is packed.
    """

    since: float
    problem: str | None
    is_running: bool
    written: int | None


@contextmanager
def noted(home: Home) -> Iterator[None]:
    """Leave the note while the block packs the home's database; what that raises stays in it."""
    before = read(home)
    if before is not None and before.is_running:  # it is told that another one packs
        yield
        return
    about = {"since": time.time(), "identity": ProcessIdentity.here().as_dict()}
    _write(home, about)
    try:
        yield
    except Exception as error:
        if ALREADY in str(error):
            home.packing.unlink(missing_ok=True)
            raise
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        _write(home, {**about, "identity": None, "problem": problem})
        raise
    with suppress(OSError):
        home.packing.unlink(missing_ok=True)


def read(home: Home) -> PackNote | None:
    """Return the note of a home; None: no pack goes on there, nor has the last one failed."""
    try:
        found: Any = json.loads(home.packing.read_text())
        since, problem, who = float(found["since"]), found.get("problem"), found.get("identity")
        is_running = who is not None and ProcessIdentity.from_dict(who).is_alive() is not False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not is_running and problem is None:
        return None  # its process is gone
    return PackNote(since, problem, is_running, _written(home, since) if is_running else None)


def _write(home: Home, about: dict[str, Any]) -> None:
    with suppress(OSError):  # the pack itself says why the disk cannot be written
        own_files.replace(home.packing, json.dumps(about))


def _written(home: Home, since: float) -> int | None:
    try:
        found = packed_file(home.data_fs).stat()
    except OSError:
        return None
    return found.st_size if found.st_mtime >= since - 1 else None
