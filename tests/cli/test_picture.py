"""The picture of zcasync top, at several widths and heights; ``screens/`` has what is shown.

``ZCASYNC_WRITE_SCREENS=1`` writes that anew.
"""

from __future__ import annotations

import io
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    "ending": None,
    "call": None,
    "reserved": False,
    "ahead": 0,
    "attempts": 1,
    "attempts_history": [],
    "progress": None,
    "problem": None,
    "process": None,
}
ACTIVE = [
    {**JOB, "id": "0x65", "state": "active", "call": "Order.charge of <Order 0x6b> (1)",
     "process": 4711, "progress": {"done": 3, "total": 10, "message": "reading pages"}},
    {**JOB, "id": "0x66", "state": "active", "call": "mail.send(2)", "started": None,
     "reserved": True, "ahead": 3},
]  # fmt: skip
#: The types of failures, and how they are told.
FAILURES = {
    None: None,
    "builtins.ValueError": "failed: ValueError: no card",
    "zcasync.errors.JobCancelled": "cancelled by anna",
}
LATELY = datetime.now(UTC) - timedelta(days=3, hours=1)
ENDED = [
    {**JOB, "id": f"0x{number:x}", "state": "completed", "callable": "shop.mail.send\x1b[31m",
     "started": (LATELY - timedelta(seconds=2)).isoformat(), "ended": LATELY.isoformat(),
     "failure": failure, "ending": FAILURES[failure]}
    for number, failure in enumerate([*FAILURES] * 4, 16)
]  # fmt: skip
PICTURE = {
    "home": "/srv/shop/instance",
    "wakeup": "push",
    "supervisor": {"running": True, "pid": 4700},
    "queues": {
        "thread": {"due": 12345, "held": 2, "oldest_due": {"id": "0x64", "seconds": 4711.0}},
        "reactor": {"due": 0, "held": 0, "oldest_due": None},
    },
    "workers": [
        {"uuid": WORKER, "verdict": "running", "thread": {"size": 2, "len": 2},
         "reactor": {"size": 4, "len": 0}, "last_ping": None, "completed": 1234,
         "succeeded": 1230, "failed": 3, "cancelled": 1}
    ],
    "active": ACTIVE,
    "ended": ENDED,
    "troubles": [
        {"level": "CRITICAL", "name": "late", "remedy": "zcasync jobs --state pending",
         "text": "a job is due for 4711 s (limit 300 s)"}
    ],
}  # fmt: skip

SCREENS = Path(__file__).with_name("screens")
HEAD = """\
zcasync top  HH:MM:SS UTC  /srv/shop/instance  (q: quit)
supervisor: process 4700, hears of new jobs at once
CRITICAL: a job is due for 4711 s (limit 300 s) (zcasync jobs --state pending)
"""


def shown(width: int, height: int | None, picture: Any = PICTURE) -> list[str]:
    """The lines of a picture, without the time and the blanks at their ends."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, highlight=False)
    console.print(draw(picture, width, height))
    text = re.sub(r"\d\d:\d\d:\d\d UTC", "HH:MM:SS UTC", file.getvalue())
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_picture_is_as_it_should_be(width: int) -> None:
    found = "\n".join(shown(width, 30)) + "\n"
    screen = SCREENS / f"top-{width}.txt"
    if os.environ.get("ZCASYNC_WRITE_SCREENS"):
        screen.write_text(found)
    assert found == screen.read_text()
    assert max(map(len, found.splitlines())) <= width
    assert found.startswith(HEAD)


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
    assert shown(80, 24, away) == HEAD.splitlines()


def test_a_long_call_is_cut_and_never_an_id() -> None:
    long = {**PICTURE, "active": [{**ACTIVE[0], "id": "0x123456789", "call": "shop." * 40}]}
    lines = [line for line in shown(80, 30, long) if line.startswith("0x123456789  active ")]
    assert len(lines) == 1
    assert " shop.shop." in lines[0]
    assert "...  " in lines[0]
    assert len(lines[0]) <= 80
