"""Late children: they are at a job that is over by its record, so that others take their place.

The job's end is committed, or somebody else has ended it, and still its child reports nothing: a
hook behind the commit hangs, or the child is frozen.  Its job is over, and so is not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.job.ids import hex_oid
from zcasync.supervisor.children.interfaces import IChild
from zcasync.supervisor.children.timers import cancel

#: A child may go on for so long with a job whose record says that it is over.
LATE_SECONDS = 5.0
#: A pass looks at the records of running jobs so often at least.
LOOK_SECONDS = 5.0


class LateChildren:
    """Has the records of jobs looked at that run for long, and kills children that are late.

    ``children()``: those there are, by slot; ``wake(delay)`` asks for a pass.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        children: Callable[[], Mapping[int, IChild]],
        wake: Callable[..., None],
    ) -> None:
        self._reactor = reactor
        self._children = children
        self._wake = wake
        self._timer: IDelayedCall | None = None
        self._is_stopped = False
        self._since: dict[tuple[int, bytes], float] = {}  # pid, job -> when it was seen to be over

    def look(self) -> None:
        """Have a pass made now and then while a job runs.  Safe to repeat."""
        is_looking = self._is_stopped or self._timer is not None
        if not is_looking and any(one.outstanding for one in self._children().values()):
            self._timer = self._reactor.callLater(LOOK_SECONDS, self._look_again)

    def stop(self) -> None:
        """Look no more.  Safe to repeat."""
        self._is_stopped = True
        cancel(self._timer)

    def _look_again(self) -> None:
        self._timer = None
        late = self._reactor.seconds() - LOOK_SECONDS
        if any(one.outstanding and one.job_since < late for one in self._children().values()):
            self._wake()
        self.look()

    def pass_made(self, over: Mapping[int, bytes]) -> None:
        """Note which jobs a pass has found to be over that a child is still at, by slot."""
        now, children, since = self._reactor.seconds(), self._children(), {}
        for slot, oid in over.items():
            child = children.get(slot)
            if child is None or not child.pid or child.job_id() != hex_oid(oid):
                continue
            since[child.pid, oid] = self._since.get((child.pid, oid), now)
            left = since[child.pid, oid] + LATE_SECONDS - now
            if left > 0:
                self._wake(left)
            else:
                child.note_retired(None)
                child.kill(
                    f"its job {hex_oid(oid)} was over for {LATE_SECONDS:g} s, and it was still at "
                    "it: does a hook behind the commit not end?"
                )
        self._since = since
