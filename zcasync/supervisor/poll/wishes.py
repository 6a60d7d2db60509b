"""Wishes from outside that a pass cannot grant: dropped and logged, for they would fail each pass.

A cancel and a note of progress name a job by its id, and come from outside of the records.  Where
one fails for a reason of its own the pass is made again without it.  What the storage raises, and
the fence, is not its fault: then the whole pass is made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zcasync.database.errors import NOT_COMMITTED
from zcasync.errors import FencedError
from zcasync.job.ids import hex_oid
from zcasync.text import cut, printable

NOT_ITS_FAULT = (*NOT_COMMITTED, FencedError)


class FailedWish(Exception):
    """A wish about the job with this oid has failed; the text says which, and why."""

    def __init__(self, oid: bytes, wish: str, why: object) -> None:
        super().__init__(dropped(oid, wish, why))
        self.oid = oid


def dropped(oid: bytes, wish: str, why: object) -> str:
    """Return the line for the log about a wish that comes to nothing."""
    return f"{wish} of job {hex_oid(oid)} is dropped: {cut(printable(str(why)))}"


@contextmanager
def granting(oid: bytes, wish: str) -> Iterator[None]:
    """Raise FailedWish where what is done inside fails for a reason that another try has too."""
    try:
        yield
    except NOT_ITS_FAULT:
        raise
    except Exception as error:  # whatever it is, no other work may wait for it
        raise FailedWish(oid, wish, f"{type(error).__name__}: {error}") from error
