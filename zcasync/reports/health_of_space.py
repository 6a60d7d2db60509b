"""Whether the embedded default's database has room, and is packed."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from zcasync.reports.trouble import Level, Trouble

#: A pack writes the file once more; so many of it should be free.
PACKS = 2
#: A disk with less than this is nearly full, however small the database is.
LEAST_FREE = 64 * 10**6
#: As it grows now, the disk has to last for so many days.
DAYS_LEFT = 7
#: A pack that is so late does not come by itself.
LATE = timedelta(days=1)


def troubles_of_space(document: dict[str, Any]) -> list[Trouble]:
    """Return what is wrong with the database's disk and packs, by a document of ``status``."""
    found = document.get("database")
    if found is None:
        return []
    return [*_of_disk(document["home"], found), *_of_pack(document)]


def _of_disk(home: str, found: dict[str, Any]) -> list[Trouble]:
    free, days, size = found["free"], found["days_left"], found["size"]
    remedy = f"df {shlex.quote(str(Path(home, 'var')))}"
    if free is not None and free < max(PACKS * size, LEAST_FREE):
        text = (
            f"the disk of the database has {_megabytes(free)} left: a pack needs up to "
            f"{_megabytes(size)}, and {_megabytes(max(PACKS * size, LEAST_FREE))} should be free"
        )
        return [Trouble(Level.WARNING, "disk", text, remedy)]
    if days is not None and days < DAYS_LEFT:
        text = (
            f"the database grows by {_megabytes(found['growth_per_day'])} a day: its disk is full "
            f"in {days:.1f} days"
        )
        return [Trouble(Level.WARNING, "growth", text, remedy)]
    return []


def _of_pack(document: dict[str, Any]) -> list[Trouble]:
    found = document["database"]
    problem, due = found["pack_problem"], found["pack_due"]
    if found["packing"] is not None:
        return []
    if problem is not None:
        text = f"the database could not be packed: {problem}"
        return [Trouble(Level.WARNING, "pack", text, "zcasync pack")]
    is_late = due is not None and datetime.fromisoformat(due) + LATE < datetime.now(UTC)
    if is_late and document["supervisor"]["running"]:
        text = f"the database was to be packed at {due}, and was not"
        return [Trouble(Level.WARNING, "pack", text, "zcasync pack")]
    return []


def _megabytes(size: int) -> str:
    return f"{size / 10**6:,.0f} MB"
