"""The hard limit of the call that a child makes: the supervisor's clock, as the child may be stuck.

The child marks in its output where a call with limits begins and ends.  A clock runs here from the
one mark to the other; where the hard limit passes, what is in the pipe is looked at once more, and
then the child is asked for its stack and killed, at the cost of this job alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync import clock
from zcasync.job.time_limits import TimeLimits
from zcasync.protocol.output_marks import marked_limits
from zcasync.supervisor.children.timers import cancel

#: The innermost of our own functions on the stack of a call.
CALLER = "in call_here"


@dataclass(frozen=True)
class LimitedCall:
    """A call that has limits; ``job``: its id; ``since``: on the reactor's clock, seconds."""

    job: str
    limits: TimeLimits
    since: float
    began: int  # microseconds since 1970

    def as_dict(self, now: float) -> dict[str, Any]:
        """Return it for ``--json``; ``now``: on the reactor's clock."""
        return {**self.limits.as_dict(), "elapsed": round(max(0.0, now - self.since), 3)}

    def ladder(self, now: float, output: Iterable[str]) -> dict[str, Any]:
        """Return what has happened when, for the Failure of the call that was killed ``now``."""
        began = clock.to_datetime(self.began)
        return {
            **self.limits.as_dict(),
            "began": f"{began:%Y-%m-%d %H:%M:%S} UTC",
            "killed": round(now - self.since, 3),
            "hung_in": hung_in(output),
        }


class TimeLimit:
    """The clock of one child's calls.

    ``drain()`` takes what the child has written; ``overran(call)`` is called where the call, which
    still runs, has passed its hard limit.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        drain: Callable[[], None],
        overran: Callable[[LimitedCall], None],
    ) -> None:
        self.running: LimitedCall | None = None
        self.killed_for: LimitedCall | None = None  # the call that has cost the child its life
        self._reactor = reactor
        self._drain = drain
        self._overran = overran
        self._timer: IDelayedCall | None = None

    def as_dict(self) -> dict[str, Any] | None:
        """Return the call that runs, for ``--json``; None: none that has limits."""
        return None if self.running is None else self.running.as_dict(self._reactor.seconds())

    def marked(self, job: str, stage: str) -> None:
        """Note that a call of this job begins, or is over."""
        self.stop()
        found = marked_limits(stage)
        if found is None:
            return
        call = LimitedCall(job, TimeLimits(*found), self._reactor.seconds(), clock.now())
        self.running = call
        if call.limits.hard is not None:
            self._timer = self._reactor.callLater(call.limits.hard, self._passed, call)

    def ladder(self, output: Iterable[str]) -> dict[str, Any] | None:
        """Return what has happened when, where the child was killed for a call; else None.

        ``output``: its last lines.
        """
        call = self.killed_for
        return None if call is None else call.ladder(self._reactor.seconds(), output)

    def stop(self) -> None:
        """Let no limit pass any more.  Safe to repeat."""
        self.running = None
        cancel(self._timer)

    def _passed(self, call: LimitedCall) -> None:
        self._drain()  # this process may have been away, and the call be over long ago
        if self.running is call:
            self._overran(call)


def hung_in(output: Iterable[str]) -> str | None:
    """Return where a call was, by the Python stack in the last output; None: it does not say."""
    innermost = found = None
    for line in output:
        text = line.strip()
        if text.endswith("(most recent call first):"):
            innermost = None
        elif text.startswith("File ") and innermost is None:
            innermost = text
        if innermost is not None and text.endswith(CALLER):
            found = innermost
    return found
