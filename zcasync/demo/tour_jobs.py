"""The jobs of the tour: each does one thing that the supervisor has to deal with."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import zcasync


def fail_twice(marks: str) -> str:
    """Raise in the first two attempts."""
    with open(marks, "a") as file:
        file.write(".")
    if len(Path(marks).read_text()) < 3:
        raise ConnectionError("the mail server does not answer")
    return "the mail is sent"


def hang() -> None:
    """Never come to an end, whatever is raised in here."""
    while True:
        try:
            time.sleep(60)
        except BaseException:  # noqa: S112, as the worst code does
            continue


def use(folder: str, number: int) -> int:
    """Use something for a moment; return how many use it at once, by the files that they leave."""
    mine = Path(folder, f"in-use-{number}")
    mine.touch()
    together = len(os.listdir(folder))
    time.sleep(0.2)
    mine.unlink()
    return together


def tick(marks: str) -> None:
    """Write down for which moment this was put."""
    job = zcasync.current()
    assert job is not None
    assert job.tick is not None
    with open(marks, "a") as file:
        print(job.tick.strftime("%H:%M:%S"), file=file)


def index(page: str, parts: set[str]) -> list[str]:
    """Index parts of a page."""
    return sorted(parts)


def square(number: int) -> int:
    """Return the square of a number."""
    return number * number


def add_up(*finished: Any) -> int:
    """Return the sum of the results of a flow's members."""
    return sum(one.result for one in finished)
