"""The tables of queues and workers that ``status`` prints and ``top`` draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zcasync.cli.output import ago, size
from zcasync.cli.short import beginnings
from zcasync.text import span

#: A disk that is full after more days than this is not told of.
DAYS_TOLD = 100
#: From this width on workers are named by their whole UUIDs.
ROOM_FOR_UUIDS = 120

#: The names of columns, and rows.
Section = tuple[Sequence[str], list[tuple[object, ...]]]


def queues(document: dict[str, Any]) -> Section:
    """Return the queues of a status document, with what of each is claimed."""
    rows: list[tuple[object, ...]] = []
    for name, queue in document["queues"].items():
        claimed = queue.get("claimed")
        if claimed is None:  # there are no other queues
            claimed = sum(worker[name]["len"] for worker in document["workers"])
        name = f"{name} (paused)" if queue.get("paused") else name
        rows.append((name, queue["due"], queue["held"], claimed, _oldest(queue["oldest_due"])))
    return ("QUEUE", "DUE", "HELD", "CLAIMED", "OLDEST DUE"), rows


def set_aside(document: dict[str, Any]) -> list[str]:
    """Return the lines about jobs of a status document that wait for code."""
    return [
        f"{one['jobs']:,} {name} job{'' if one['jobs'] == 1 else 's'} set aside: no worker has "
        f"{one['name']}"
        for name, queue in document["queues"].items()
        for one in queue["missing"]
    ]


def reload(found: dict[str, Any] | None) -> str | None:
    """Return how far the last reload of a status document is; None: all children are new."""
    if found is None or found["state"] == "done":
        return None
    if found["problem"]:
        return f"failed {ago(found['since'])}, the old children go on: {found['problem']}"
    if found["state"] == "booting":
        return "a new child boots"
    return new_children(found["old"])


def new_children(old: int) -> str:
    """Return that a reload goes well, and how many ``old`` children are left."""
    if old == 0:
        return "all children are new"
    which = "1 old one ends after its job" if old == 1 else f"{old} old ones end after their jobs"
    return f"new children work; {which}"


def _oldest(found: dict[str, Any] | None) -> str | None:
    """Return the job that is due for longest, with its age."""
    return None if found is None else f"{found['id']}, for {span(found['seconds'])}"


def names_of(workers: list[dict[str, Any]], width: int) -> dict[str, str]:
    """Return the workers' UUIDs as they are shown in this width."""
    uuids = [worker["uuid"] for worker in workers]
    return beginnings(uuids) if width < ROOM_FOR_UUIDS else {one: one for one in uuids}


def workers(found: list[dict[str, Any]], names: dict[str, str]) -> Section:
    """Return the workers of a status document."""
    rows: list[tuple[object, ...]] = [
        (
            names[worker["uuid"]],
            worker["verdict"],
            ago(worker["last_ping"]),
            _share(worker["thread"]),
            _share(worker["reactor"]),
            worker["succeeded"],
            worker["failed"],
            worker["cancelled"],
        )
        for worker in found
    ]
    ends = ("COMPLETED", "FAILED", "CANCELLED")
    return ("WORKER", "ENGINE", "LAST PING", "THREAD", "REACTOR", *ends), rows


def _share(claims: dict[str, Any]) -> str | None:
    """Return how much is claimed of how much can run at once."""
    return None if claims["size"] is None else f"{claims['len']}/{claims['size']}"


def database(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return the facts about the file of the embedded default; none of other databases."""
    if found is None:
        return []
    blobs = "" if not found["blobs"] else f", blobs {size(found['blobs'])}"
    free = "" if found["free"] is None else f"; {size(found['free'])} free on its disk"
    return [
        ("Database", f"{size(found['size'])}{blobs}{_growth(found)}{free}"),
        ("Packed", _packed(found)),
    ]


def _growth(found: dict[str, Any]) -> str:
    grown, days = found["growth_per_day"], found["days_left"]
    if grown is None:
        return ""
    full = "" if days is None or days > DAYS_TOLD else f", its disk is full in {days:.0f} days"
    return f", grows by {size(grown)} a day{full}"


def _packed(found: dict[str, Any]) -> str:
    running, problem = found["packing"], found["pack_problem"]
    if running is not None:
        written = "looks for what is needed"
        if running["written"] is not None:
            written = f"{size(running['written'])} written of {size(found['size'])} at most"
        return f"now, since {ago(running['since'])}: {written}"
    said = "not yet" if found["packed"] is None else f"{ago(found['packed'])}"
    due = "" if found["pack_due"] is None else f", the next one {ago(found['pack_due'])}"
    failed = "" if problem is None else f"; the last one failed: {problem}"
    return f"{said}{due}{failed}"
