"""The picture of zcasync top, at several widths and heights."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from zcasync.cli.picture import draw

WORKER = "0f8fad5b-d9cb-469f-a165-70867728950e"
JOB: dict[str, Any] = {
    "queue": "thread",
    "begin_after": "2026-01-02T03:04:05+00:00",
    "started": "2026-01-02T03:04:05+00:00",
    "ended": None,
    "failure": None,
    "attempts": 1,
    "attempts_history": [],
    "progress": None,
    "problem": None,
    "process": None,
}
ACTIVE = [
    {**JOB, "id": "0x65", "state": "active", "callable": "shop.orders.Order.charge",
     "process": 4711, "progress": {"done": 3, "total": 10, "message": "reading pages"}},
    {**JOB, "id": "0x66", "state": "active", "callable": "shop.mail.send", "started": None},
]  # fmt: skip
ENDED = [
    {**JOB, "id": f"0x{number:x}", "state": "completed", "callable": "shop.mail.send\x1b[31m",
     "ended": "2026-01-02T03:04:07+00:00", "failure": failure}
    for number, failure in enumerate(
        [None, "builtins.ValueError", "zcasync.errors.JobCancelled"] * 4, 16)
]  # fmt: skip
PICTURE = {
    "home": "/srv/shop/instance",
    "wakeup": "push",
    "supervisor": {"running": True, "pid": 4700},
    "queues": {"thread": {"due": 12345, "held": 2}, "reactor": {"due": 0, "held": 0}},
    "workers": [
        {"uuid": WORKER, "verdict": "running", "thread": {"size": 2, "len": 2},
         "reactor": {"size": 4, "len": 0}, "completed": 1234}
    ],
    "active": ACTIVE,
    "ended": ENDED,
    "troubles": [
        {"level": "CRITICAL", "name": "late", "remedy": "zcasync jobs --state pending",
         "text": "a job is due for 4711 s (limit 300 s)"}
    ],
}  # fmt: skip

GOLDEN = """\
zcasync top  HH:MM:SS UTC  /srv/shop/instance  (q: quit)
supervisor: process 4700, hears of new jobs at once
CRITICAL: a job is due for 4711 s (limit 300 s) (zcasync jobs --state pending)

QUEUE       DUE   HELD   CLAIMED
────────────────────────────────
thread    12345      2         2
reactor       0      0         0

WORKER                                 ENGINE    THREAD   REACTOR   COMPLETED
─────────────────────────────────────────────────────────────────────────────
0f8fad5b-d9cb-469f-a165-70867728950e   running   2/2      0/4            1234

JOB    STATE     CALL                       PROCESS   PROGRESS
───────────────────────────────────────────────────────────────────────────
0x65   active    shop.orders.Order.charge   4711      3 of 10, reading pages
0x66   claimed   shop.mail.send             -
"""


def shown(width: int, height: int | None, picture: Any = PICTURE) -> list[str]:
    """The lines of a picture, without the time and the blanks at their ends."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, highlight=False)
    console.print(draw(picture, height))
    text = re.sub(r"\d\d:\d\d:\d\d UTC", "HH:MM:SS UTC", file.getvalue())
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_picture_is_as_it_should_be(width: int) -> None:
    lines = shown(width, 30)
    golden = GOLDEN.splitlines()
    ruled = [line if set(line) != {"─"} else "─" for line in lines[: len(golden)]]
    assert ruled == [line if set(line) != {"─"} else "─" for line in golden]
    ended = lines[len(golden) + 3 :]
    assert re.fullmatch(
        r"0x10   completed   shop.mail.send\\x1b\[31m   \d+ days ago   2 s", ended[0]
    )
    assert ended[1].startswith("0x11   failed ")
    assert ended[2].startswith("0x12   cancelled ")


@pytest.mark.parametrize("height", [24, 30, 50])
def test_a_picture_fits_its_terminal(height: int) -> None:
    assert len(shown(80, height)) <= height
    many = {**PICTURE, "active": [{**ACTIVE[0], "id": f"0x{one:x}"} for one in range(100)]}
    lines = shown(80, height, many)
    assert len(lines) <= height
    assert any(" failed " in line for line in lines), "what has ended has its place"


def test_nothing_is_known_yet_or_the_database_is_away() -> None:
    assert shown(80, 24, None) == ["looking ..."]
    away = {**PICTURE, "queues": None, "workers": None, "active": [], "ended": []}
    assert shown(80, 24, away)[2:] == GOLDEN.splitlines()[2:3]


def test_a_long_call_is_cut_and_never_an_id() -> None:
    long = {**PICTURE, "active": [{**ACTIVE[0], "id": "0x123456789", "callable": "shop." * 40}]}
    lines = [line for line in shown(80, 30, long) if line.startswith("0x123456789   active ")]
    assert len(lines) == 1
    assert "\u2026" in lines[0]
    assert len(lines[0]) <= 80
