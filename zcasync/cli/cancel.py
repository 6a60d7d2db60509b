"""``zcasync cancel``: the end of one job, in whatever state it is."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

import click

from zcasync.cli.errors import EXIT_AWAY, Refusal
from zcasync.cli.options import common_options, examples

LOOK_SECONDS = 0.05
LIST_JOBS = "list those that there are: zcasync jobs"


@click.command(
    "cancel",
    short_help="End a job that is not over.",
    epilog=examples("zcasync cancel 0x1a2b", "zcasync cancel --timeout 60 0x1a2b"),
)
@click.argument("job_id", metavar="ID")
@common_options
def command(job_id: str, home: str | None, timeout: float, as_json: bool) -> None:
    """End a job: one that waits never runs, one that runs loses its child process.

    Its result is an AbortedError that names who cancelled it; callbacks run with that.  Exit code 0
    once it is over and its process is gone, 1 when it was over already.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import writing
    from zcasync.instance.home import Home
    from zcasync.job.ids import parse
    from zcasync.protocol.actor import actor_name, claimed_name
    from zcasync.reports.workers import SupervisorProbe

    try:
        name, oid = parse(job_id)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    place = Home.find(home)
    who = actor_name(os.geteuid(), claimed_name())
    deadline = time.monotonic() + timeout
    with writing(place, timeout) as session:
        supervisor = SupervisorProbe(place, timeout / 2)
        is_ended = session.change(
            lambda connection, manager: _end(
                _find(connection, name, oid), manager, who, supervisor
            ),
            lambda connection, _, is_ended: (
                is_ended and _is_cancelled(_find(connection, name, oid), who)
            ),
        )
        if not is_ended:
            who = _ask_supervisor(place, deadline, oid, claimed_name())
        while not session.do(lambda connection, _: _is_over(_find(connection, name, oid), who)):
            if time.monotonic() > deadline:
                raise Refusal(
                    f"job {job_id} is still being stopped after {timeout:g} s",
                    EXIT_AWAY,
                    f"see whether it is over: zcasync job {job_id}",
                )
            time.sleep(LOOK_SECONDS)
    if as_json:
        print_json({"id": job_id, "cancelled_by": who})
    else:
        print_line(f"job {job_id} is cancelled")


def _find(connection: Any, name: str, oid: bytes) -> Any:
    from ZODB.POSException import POSKeyError

    from zcasync.job.ids import hex_oid
    from zcasync.reports.job import looks_like_job

    obj = None
    if connection is not None and (not name or name in connection.db().databases):
        here = connection.get_connection(name) if name else connection
        with contextlib.suppress(POSKeyError):
            obj = here.get(oid)
    if not looks_like_job(obj):
        raise Refusal(f"there is no job {hex_oid(oid)} in this database", remedy=LIST_JOBS)
    return obj


def _end(partial: Any, manager: Any, who: str, supervisor: Any) -> bool:
    """End a job that no process runs; return False when this home's supervisor has to do it.

    Raises Refusal where the job has ended, or where its engine cannot be reached from here.
    """
    from zcasync.interfaces import PENDING
    from zcasync.job.broken import broken
    from zcasync.job.completion import waiter
    from zcasync.job.ids import id_of
    from zcasync.liveness.interruption import cancel

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
    cancel(partial, who, [])
    return True


def _is_stale(partial: Any, manager: Any, supervisor: Any) -> bool:
    """Return whether the engine that holds a job is gone; False: it is this home's supervisor.

    That one can be asked.  Raises Refusal when it is another engine that may live.
    """
    from zcasync.job.ids import id_of
    from zcasync.liveness.verdict import STALE, judge

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
            EXIT_AWAY,
            "cancel it in that home",
        )
    return False


def _is_over(partial: Any, who: str) -> bool:
    """Return whether the job has ended.  Raises Refusal when it ended before it was cancelled."""
    from zcasync.interfaces import ACTIVE, PENDING
    from zcasync.job.ids import id_of

    if partial.state in (PENDING, ACTIVE):
        return False
    if _is_cancelled(partial, who):
        return True
    raise Refusal(f"job {id_of(partial)} was over before it could be stopped; its result stands")


def _is_cancelled(partial: Any, who: str) -> bool:
    from twisted.python.failure import Failure

    result = partial.result
    return isinstance(result, Failure) and result.getErrorMessage() == f"cancelled by {who}"


def _ask_supervisor(place: Any, deadline: float, oid: bytes, claim: str) -> str:
    """Have the supervisor end a job; return who has cancelled it, as its Failure will say.

    Raises Refusal where the supervisor cannot.
    """
    from zcasync.interfaces import NotRunning
    from zcasync.job.ids import hex_oid
    from zcasync.protocol.control import Cancel
    from zcasync.protocol.control_client import ControlClient

    try:
        left = max(0.1, deadline - time.monotonic())
        client = ControlClient(place.control_socket, left, place.owner)
    except NotRunning as error:
        raise NotRunning(
            f"job {hex_oid(oid)} can be ended by a supervisor only, and none runs for "
            f"{place.path}: start one with: zcasync run --home {place.path}"
        ) from error
    try:
        answer = client.call(Cancel, oid=oid, who=claim)
    finally:
        client.close()
    if answer["problem"]:
        raise Refusal(f"job {hex_oid(oid)} cannot be cancelled: {answer['problem']}")
    return answer["who"] or claim  # a supervisor of an older version believes what it is told
