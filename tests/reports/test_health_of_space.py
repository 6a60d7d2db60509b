"""Whether the embedded default's database has room, and is packed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zcasync.reports.health_of_space import LEAST_FREE, troubles_of_space

GIGABYTE = 10**9
NOW = datetime.now(UTC)
WELL: dict[str, Any] = {
    "size": GIGABYTE,
    "blobs": 0,
    "free": 10 * GIGABYTE,
    "growth_per_day": 1000,
    "days_left": 10_000.0,
    "packed": (NOW - timedelta(days=1)).isoformat(),
    "pack_due": (NOW + timedelta(days=6)).isoformat(),
    "packing": None,
    "pack_problem": None,
}
LATE = (NOW - timedelta(days=2)).isoformat()


def found(running: bool = True, **values: Any) -> list[tuple[str, str]]:
    """The troubles, by name, and what is said of them."""
    document = {
        "home": "/srv/my home",
        "supervisor": {"running": running},
        "database": {**WELL, **values},
    }
    return [(one.name, f"{one.text} ({one.remedy})") for one in troubles_of_space(document)]


def test_where_there_is_room_nothing_is_wrong() -> None:
    assert found() == []
    assert found(free=None, days_left=None, growth_per_day=None, pack_due=None) == []
    assert troubles_of_space({"home": "/srv", "database": None}) == []


@pytest.mark.parametrize(
    ("size", "free", "is_wrong"),
    [
        (GIGABYTE, 2 * GIGABYTE, False),
        (GIGABYTE, 2 * GIGABYTE - 1, True),
        (1000, LEAST_FREE, False),
        (1000, LEAST_FREE - 1, True),
    ],
)
def test_a_disk_needs_room_for_two_packs(size: int, free: int, is_wrong: bool) -> None:
    names = [name for name, _ in found(size=size, free=free)]
    assert names == (["disk"] if is_wrong else [])


def test_a_disk_without_room_is_told_with_what_is_needed() -> None:
    [(_, text)] = found(free=GIGABYTE)
    assert text == (
        "the disk of the database has 1,000 MB left: a pack needs up to 1,000 MB, and 2,000 MB "
        "should be free (df '/srv/my home/var')"
    )


def test_a_disk_that_is_full_soon() -> None:
    assert found(days_left=7.0) == []
    [(name, text)] = found(days_left=6.9, growth_per_day=1_400 * 10**6)
    assert name == "growth"
    assert text.startswith("the database grows by 1,400 MB a day: its disk is full in 6.9 days")


def test_a_pack_that_failed() -> None:
    [(name, text)] = found(pack_problem="OSError: no room")
    assert name == "pack"
    assert text == "the database could not be packed: OSError: no room (zcasync pack)"
    assert found(pack_problem="OSError", packing={"since": LATE, "written": 1}) == []


def test_a_pack_that_does_not_come() -> None:
    assert [name for name, _ in found(pack_due=LATE)] == ["pack"]
    assert found(pack_due=LATE, packing={"since": LATE, "written": None}) == []
    assert found(pack_due=LATE, running=False) == [], "nobody is there to do it"
