"""Transactions: what a job has committed, as data, from its record and the history of that.

The history has the commits that wrote the record, among them the last one of each attempt; those
that the call made on its way are noted in the record.  A pack takes transactions out of the
history.  What is in neither is not listed: a commit on the way of an attempt whose process died,
and the part of an attempt's last commit that is in other databases.
"""

from __future__ import annotations

from typing import Any

from persistent.timestamp import TimeStamp

from zcasync import clock
from zcasync.job.ids import NAMELESS, id_of
from zcasync.perform.attribution import attempt_of
from zcasync.reports.fields import Fields
from zcasync.text import cut, printable
from zcasync.zeo.labels import KEY

#: The history of a record is read so far back, revisions.
MOST_REVISIONS = 20
TEXT_CHARACTERS = 300
#: What is shown for a database that ids do not name.
MAIN = "main"


def committed(partial: Any) -> dict[str, Any]:
    """Return the transactions of a job as ``job --json`` has them, the oldest first.

    ``transactions_unlisted`` is the number of earlier ones that the call has made on its way.  One
    request to the storage.  Raises what that raises when it is away.
    """
    fields = Fields(partial)
    if not fields.is_readable or partial._p_jar is None:
        return {"transactions": [], "transactions_unlisted": 0}
    count, noted = fields["_commits"]
    found = [_of_history(partial, entry) for entry in _history(partial)]
    listed = [one for one in found if one is not None]
    listed += [_noted(*one) for one in noted]
    listed.sort(key=lambda one: one["tid"])
    return {"transactions": listed, "transactions_unlisted": count - len(noted)}


def _history(partial: Any) -> list[dict[str, Any]]:
    """Return the newest revisions of the record; none where the storage keeps or finds none."""
    db = partial._p_jar.db()
    try:
        return db.history(partial._p_oid, size=MOST_REVISIONS)  # type: ignore[no-any-return]
    except (KeyError, NotImplementedError, AttributeError):  # it keeps none, or not of this record
        return []


def _of_history(partial: Any, entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return a revision that the job has written; None for another one."""
    attempt = attempt_of(entry.get(KEY), id_of(partial))
    if attempt is None:
        return None
    name = partial._p_jar.db().database_name
    user = _shown(entry["user_name"]) or None
    return _transaction(entry["tid"], attempt, name, _shown(entry["description"]), user)


def _noted(attempt: int, tid: bytes, database: str) -> dict[str, Any]:
    return _transaction(tid, attempt, database, None, None)


def _transaction(
    tid: bytes, attempt: int, database: str, description: str | None, user: str | None
) -> dict[str, Any]:
    seconds = TimeStamp(tid).timeTime()
    return {
        "tid": f"0x{tid.hex()}",
        "time": clock.nearest_datetime(int(seconds * 1e6)).isoformat(),
        "attempt": attempt,
        "database": MAIN if database in NAMELESS else database,
        "description": description,
        "user": user,
    }


def _shown(text: Any) -> str:
    """Return what an application may have written, in one line."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return cut(printable(" / ".join(text.split("\n"))), TEXT_CHARACTERS)
