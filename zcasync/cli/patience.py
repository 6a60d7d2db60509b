"""Patience: work on a database that takes long, and what a terminal shows of it meanwhile."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from zcasync.cli.session import Session

T = TypeVar("T")

#: The progress is shown again after so long.
LOOK_SECONDS = 0.5


class Progress:
    """How far the work is; set in the database thread, shown by the main one."""

    def __init__(self) -> None:
        self.text = ""

    def told(self, what: str, done: int, total: int | None = None) -> None:
        """Note that so many, of all where their number is known, have been looked at."""
        of = "" if total is None else f" of {total:,}"
        self.text = f"{what}: {done:,}{of} ..."


def see_through(session: Session, work: Future[T], progress: Progress) -> T:
    """Wait for the end of some work, and show its progress on a terminal."""
    shows = sys.stderr.isatty()
    try:
        while True:
            try:
                return work.result(LOOK_SECONDS)
            except TimeoutError:
                if work.done():
                    raise
            if shows:
                print(f"\r\x1b[K{progress.text}", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        session.leave()
        raise
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
