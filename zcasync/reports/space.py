"""The database of the embedded default: its size, its disk, its packs, by the files of its home."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from zcasync.database import pack_note, space
from zcasync.database.packing import last_packed
from zcasync.instance.home import Home
from zcasync.instance.settings import load


def database(home: Home) -> dict[str, Any] | None:
    """Return what is known of the database's file; None: it is another database, or not there."""
    configuration = load(home)
    found = space.look(home) if configuration.is_embedded else None
    if found is None:
        return None
    last, days = last_packed(home), configuration.settings.pack_days
    note = pack_note.read(home)
    return {
        "size": found.size,
        "blobs": found.blobs,
        "free": found.free,
        "growth_per_day": found.growth,
        "days_left": None if found.days_left is None else round(found.days_left, 1),
        "packed": _time(last),
        "pack_due": _time(last + days * space.DAY_SECONDS) if last is not None and days else None,
        "packing": _packing(note),
        "pack_problem": None if note is None else note.problem,
    }


def _packing(note: pack_note.PackNote | None) -> dict[str, Any] | None:
    if note is None or not note.is_running:
        return None
    return {"since": _time(note.since), "written": note.written}


def _time(seconds: float | None) -> str | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):  # a file that somebody has written
        return None
