"""Prefetched jobs: how many a child has beyond the running one, and when they are revoked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.supervisor.children.end import gone_meanwhile
from zcasync.supervisor.children.interfaces import IChild

#: So much work is prefetched for a child, and no more jobs than that, however short they are.
RESERVE_SECONDS = 0.1
RESERVE_LIMIT = 200
#: A job that runs longer than this must not sit on jobs that another child could do.
SHARE_SECONDS = 0.3


def target(child: IChild) -> int:
    """Return how many jobs a child should be assigned: the running one, and a little work ahead."""
    if child.seconds_per_job is None:
        return 1
    return 1 + min(RESERVE_LIMIT, int(RESERVE_SECONDS / max(child.seconds_per_job, 1e-6)))


def room(child: IChild, now: float) -> int:
    """Return how many more jobs may be claimed for a child; none while its job takes long."""
    if child.taking_back or (child.outstanding and now - child.job_since > RESERVE_SECONDS):
        return 0
    return max(0, target(child) - len(child.outstanding))


def may_overtake(child: IChild, now: float) -> bool:
    """Return whether something urgent may go in front of what a child has and has not begun.

    Not behind a job that takes long: what waits for that is for whichever child is free first.
    """
    is_stuck = now - child.job_since > SHARE_SECONDS
    return len(child.outstanding) > 1 and not child.taking_back and not is_stuck


def wants_more(child: IChild, now: float) -> bool:
    """Return whether jobs for a child are worth a pass at once: soon it would be idle."""
    return room(child, now) > 0 and len(child.outstanding) <= target(child) // 2


class Sharing:
    """The sharing of prefetched jobs: revokes those behind a long job.

    Another child that goes on need not be idle: with enough to do it never is, and what is claimed
    for it meanwhile was put later than what waits behind the long job.  Where all children are at
    long jobs they wait in the queue, for another worker or whatever is done first; that is asked
    for once for each long job, because some cannot leave the worker, and would be asked for again.

    ``children()``: those that can take jobs.  ``returned(slot, oids)``: jobs that were revoked.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        children: Callable[[], Sequence[IChild]],
        returned: Callable[[int, list[bytes]], None],
    ) -> None:
        self._reactor = reactor
        self._children = children
        self._returned = returned
        self._timer: IDelayedCall | None = None
        self._asked: dict[int, float] = {}  # slot -> since when the job runs that it was asked for

    def look(self) -> None:
        """Check whether jobs wait behind a long one, and again soon while that is possible."""
        if self._timer is not None:
            return
        children = self._children()
        late = self._reactor.seconds() - SHARE_SECONDS
        stuck = [child for child in children if child.outstanding and child.job_since < late]
        has_free = len(stuck) < len(children)
        for child in stuck:
            if len(child.outstanding) < 2 or child.taking_back:
                continue
            if has_free or self._asked.get(child.slot) != child.job_since:
                self._asked[child.slot] = child.job_since
                self.take_back(child)
        if any(len(child.outstanding) > 1 for child in children):
            self._timer = self._reactor.callLater(SHARE_SECONDS, self._check_again)

    def stop(self) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_again(self) -> None:
        self._timer = None
        self.look()

    def take_back(self, child: IChild) -> None:
        """Revoke what a child has not begun."""
        asked = child.take_back()
        asked.addCallbacks(lambda oids: self._returned(child.slot, oids), gone_meanwhile)
