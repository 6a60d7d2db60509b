"""Wishes from outside that a pass cannot grant: dropped and logged, for they would fail each pass.

A cancel and a note of progress name a job by its id, and come from outside of the records.  Where
one fails for a reason of its own the pass is made again without it.  What the storage raises, and
the fence, is not its fault: then the whole pass is made again.

A pass can also fail for a cancel where nothing says so.  After several in a row that is tried: a
cancel is dropped only where the pass can be made without it and not with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from zcasync.database.errors import NOT_COMMITTED
from zcasync.errors import FencedError
from zcasync.job.ids import hex_oid
from zcasync.supervisor.poll.messages import PassInput, PassResult, Wish
from zcasync.text import cut, printable

NOT_ITS_FAULT = (*NOT_COMMITTED, FencedError)

#: Makes a pass.
Make = Callable[[PassInput], PassResult]


class FailedWish(Exception):
    """A wish has failed; the text says which, and why."""

    def __init__(self, wish: Wish, error: Exception) -> None:
        super().__init__(dropped(wish, f"{type(error).__name__}: {error}"))
        self.wish = wish


def dropped(wish: Wish, why: object) -> str:
    """Return the line for the log about a wish that comes to nothing."""
    return f"{wish} of job {hex_oid(wish.oid)} is dropped: {cut(printable(str(why)))}"


@contextmanager
def granting(wish: Wish) -> Iterator[None]:
    """Raise FailedWish where what is done inside fails for a reason that another try has too."""
    try:
        yield
    except NOT_ITS_FAULT:
        raise
    except Exception as error:  # whatever it is, no other work may wait for it
        raise FailedWish(wish, error) from error


def make_without_failed(given: PassInput, make: Make) -> PassResult:
    """Make a pass, again without each wish that fails in it.  Raises what else the pass raises."""
    failed: list[FailedWish] = []
    while True:
        try:
            result = make(given)
        except FailedWish as error:  # there is one less each time
            failed.append(error)
            given = given.without(error.wish)
        else:
            _drop(failed, result)
            return result


def make_without_culprit(given: PassInput, make: Make) -> PassResult:
    """Make a pass, again without one cancel more each time that it fails.

    The last one left out is dropped then; the others wait for the next pass.  Raises what the pass
    raises without any: it is not for them, and they all stay.
    """
    culprit: FailedWish | None = None
    while True:
        try:
            result = make(given)
        except NOT_ITS_FAULT:
            raise
        except Exception as error:
            if not given.cancelled:
                raise
            culprit = FailedWish(given.last_cancel(), error)
            given = given.without(culprit.wish)
        else:
            if culprit is not None:
                _drop([culprit], result)
                result.schedule = replace(result.schedule, delay=0.0)
            return result


def _drop(failed: list[FailedWish], result: PassResult) -> None:
    result.cancelled += [one.wish.oid for one in failed if one.wish.is_cancel]
    result.log += map(str, failed)
