"""Cancelling: the end of a job by this process, or by the supervisor that can stop it."""

from __future__ import annotations

import time
from typing import Any

from twisted.python.failure import Failure

from zcasync.control.refusal import AWAY, Refusal
from zcasync.errors import NotRunning
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.completion import end as complete
from zcasync.job.completion import waiter
from zcasync.job.ids import hex_oid, id_of
from zcasync.liveness.interruption import cancel
from zcasync.liveness.verdict import STALE, judge
from zcasync.protocol.control import Cancel
from zcasync.reports.control_connection import connect
from zcasync.retry.decision import End, decide
from zcasync.retry.fault import Cancelled


def end(partial: Any, manager: Any, who: str, supervisor: Any) -> bool:
    """End a job that no process runs; return False when this home's supervisor has to do it.

    Raises Refusal where the job has ended, or where its engine cannot be reached from here.
    """
    problem = broken(partial)
    if problem is not None:
        raise Refusal(f"job {id_of(partial)} cannot be cancelled: {problem}")
    if partial.has_result:
        raise Refusal(f"job {id_of(partial)} is over already: it is {partial.state}")
    waits = partial.state == PENDING or partial.waits_for is not None
    if not waits and partial.claim is not None:
        if not _is_stale(partial, manager, supervisor):
            return False
        # The engine that takes over what is left of its claim runs the callbacks.
    elif partial.callbacks or waiter(partial) is not None:
        if partial.queue is None:
            raise Refusal(
                f"job {id_of(partial)} is no job of its own that a worker could end: cancel the "
                "job that it is a callback of",
                remedy="cancel the job that it is a callback of",
            )
        return False  # a worker must run the callbacks
    partial.note_act(who, "cancelled")
    cancel(partial, who, [])
    if waits:
        _keep(partial, manager, supervisor.worker)
    return True


def end_waiting(partial: Any, manager: Any, who: str, supervisor: Any) -> bool:
    """End a job that waits in its queue, and leave its callbacks to whichever worker comes.

    For who cannot reach the supervisor that would run them at once.  Return False for a job that
    does not wait in a queue, which is left as it is.
    """
    if broken(partial) is not None or partial.state != PENDING or partial.queue is None:
        return False
    decision = decide(partial, Cancelled(who, {}))
    assert isinstance(decision, End)
    partial.note_act(who, "cancelled")
    complete(partial, decision.result, follows_up=True)
    if not partial.callbacks:
        _keep(partial, manager, supervisor.worker)
    return True


def _keep(partial: Any, manager: Any, here: Any) -> None:
    """Keep a job that was cancelled while it waited among the completed ones of a worker.

    No engine would retire it.  It becomes its worker's, so that it can be let go from there; one
    that is still in a list of claims is retired from that.
    """
    workers = [one for one in manager.workers.values() if one.incarnation is not None]
    claims = [item for one in workers for claimed in (one.thread, one.reactor) for item in claimed]
    if not workers or any(item is partial for item in claims):
        return
    worker = min(workers, key=lambda one: here != one.UUID)
    partial.reassign(worker.incarnation)
    worker.completed.add(partial)


def _is_stale(partial: Any, manager: Any, supervisor: Any) -> bool:
    """Return whether the engine that holds a job is gone; False: it is this home's supervisor.

    That one can be asked.  Raises Refusal when it is another engine that may live.
    """
    claim = partial.claim
    worker = manager.workers.get(claim.worker)
    if worker is None or claim.is_over:
        return True
    is_here = supervisor.worker == worker.UUID
    judgement = judge(worker, supervisor.sighting_of(worker))
    if judgement.verdict in STALE:
        return True
    if not is_here:
        raise Refusal(
            f"job {id_of(partial)} is in the hands of worker {worker.UUID} (process "
            f"{claim.identity.pid} on {claim.identity.host}): cancel it in that home; if it will "
            f"not come back: zcasync release {worker.UUID}",
            AWAY,
            "cancel it in that home",
        )
    return False


def is_over(partial: Any, who: str) -> bool:
    """Return whether the job has ended.  Raises Refusal when it ended before it was cancelled."""
    if partial.state in (PENDING, ACTIVE):
        return False
    if is_cancelled(partial, who):
        return True
    raise Refusal(f"job {id_of(partial)} was over before it could be stopped; its result stands")


def is_cancelled(partial: Any, who: str) -> bool:
    """Return whether this cancel has ended the job."""
    result = partial.result
    return isinstance(result, Failure) and result.getErrorMessage() == f"cancelled by {who}"


class Supervisor:
    """The supervisor of a home, asked to end jobs; connected to when it is asked first."""

    def __init__(self, place: Any, timeout: float, claim: str) -> None:
        self._place = place
        self._deadline = time.monotonic() + timeout
        self._claim = claim
        self._client: Any = None

    def cancel(self, oid: bytes) -> str:
        """Have a job ended; return who has cancelled it, as its Failure will say.

        Raises Refusal where the supervisor cannot, NotRunning where there is none.
        """
        if self._client is None:
            self._client = self._connect(oid)
        answer = self._client.call(Cancel, oid=oid, who=self._claim)
        if answer["problem"]:
            raise Refusal(f"job {hex_oid(oid)} cannot be cancelled: {answer['problem']}")
        return answer["who"] or self._claim  # one of an older version believes what it is told

    def _connect(self, oid: bytes) -> Any:
        left = max(0.1, self._deadline - time.monotonic())
        try:
            return connect(self._place, left)
        except NotRunning as error:
            raise NotRunning(
                f"job {hex_oid(oid)} can be ended by a supervisor only, and none runs for "
                f"{self._place.path}: start one with: zcasync run --home {self._place.path}"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
