"""The time limits of calls in a child: it raises the soft one, and its supervisor keeps the hard.

The supervisor is told of the beginning by a mark in the output, which is written before the call is
made: a call that holds the interpreter from then on would let no message through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from zcasync.child.streams import Streams
from zcasync.perform.soft_limit import SoftLimit
from zcasync.perform.time_limit import CallClock, bound_in
from zcasync.protocol.output_marks import LIMIT_OVER, limit_mark


class ChildTimeLimits:
    """The limits of the calls that the child of these streams makes.

    ``spend()`` is called, in the thread of the jobs, when the child should begin no other job: a
    call was interrupted in it, or has run past its hard limit, for which the child is killed.
    """

    def __init__(self, reactor: Any, streams: Streams, spend: Callable[[], None]) -> None:
        self._streams = streams
        self._spend = spend
        self.bound = bound_in(reactor)
        self.call = SoftLimit(reactor, spend).call

    @contextmanager
    def watch(self, ticking: CallClock) -> Iterator[None]:
        """Have the supervisor end the process where what is done inside takes too long."""
        self._streams.announce(limit_mark(ticking.limits.soft, ticking.limits.hard))
        try:
            yield
        finally:
            if ticking.is_overrun:
                self._spend()
            self._streams.announce(LIMIT_OVER)
