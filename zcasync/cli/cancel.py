"""``zcasync cancel``: the end of jobs, in whatever state they are."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli import bulk
from zcasync.cli.errors import EXIT_AWAY, Refusal
from zcasync.cli.options import examples
from zcasync.cli.orders import Order, order_options

if TYPE_CHECKING:
    from zcasync.control.jobs import Job, Verdicts

LOOK_SECONDS = 0.05
#: The supervisor is asked for so many, and they are waited for, before it is asked for more.
ASKED_AT_ONCE = 200
#: Of jobs that the supervisor has to end.
ASK = "the supervisor is asked"


@click.command(
    "cancel",
    short_help="End jobs that are not over.",
    epilog=examples(
        "zcasync cancel 0x1a2b",
        "zcasync cancel --timeout 60 0x1a2b",
        "zcasync cancel --waiting --call mail.send --dry-run",
    ),
)
@order_options
def command(order: Order) -> int:
    """End jobs: one that waits never runs, one that runs loses its child process.

    The result is an AbortedError that names who cancelled it; callbacks run with that.  With a flow
    its members end: those that run at once, the others when a worker comes to them.  Exit code 0
    once all are over and their processes gone, 1 when one was over already.
    """
    from zcasync.instance.home import Home
    from zcasync.interfaces import ACTIVE, PENDING

    order = order.among(PENDING, ACTIVE)
    place, ids = Home.find(order.home), order.wanted.ids
    if len(ids) == 1 and not order.dry_run:
        _cancel_one(ids[0], place, order.timeout, order.as_json)
        return 0
    return order.report(_cancel_many(order, place), "cancelled")


def _cancel_one(job_id: str, place: Any, timeout: float, as_json: bool) -> None:
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import writing
    from zcasync.control.cancelling import Supervisor, end, is_cancelled
    from zcasync.control.jobs import find_job
    from zcasync.job.ids import parse
    from zcasync.protocol.actor import actor_name, claimed_name
    from zcasync.reports.workers import SupervisorProbe

    try:
        job = parse(job_id)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    who = actor_name(os.geteuid(), claimed_name())
    supervisor = Supervisor(place, timeout, claimed_name())
    deadline = time.monotonic() + timeout
    with writing(place, timeout) as session:
        probe = SupervisorProbe(place, timeout / 2)
        is_ended = session.change(
            lambda connection, manager: end(find_job(connection, job), manager, who, probe),
            lambda connection, _, is_ended: (
                is_ended and is_cancelled(find_job(connection, job), who)
            ),
        )
        if not is_ended:
            try:
                who = supervisor.cancel(job[1])
            finally:
                supervisor.close()
        _wait_for_one(session, job, who, deadline, timeout)
        _have_members_cancelled(session, place, timeout, [job])
    if as_json:
        print_json({"id": job_id, "cancelled_by": who})
    else:
        print_line(f"job {job_id} is cancelled")


def _wait_for_one(session: Any, job: Job, who: str, deadline: float, timeout: float) -> None:
    """Wait until a job is over.  Raises Refusal at the deadline."""
    from zcasync.control.cancelling import is_over
    from zcasync.control.jobs import find_job, text_of

    while not session.do(lambda connection, _: is_over(find_job(connection, job), who)):
        if time.monotonic() > deadline:
            raise Refusal(
                f"job {text_of(job)} is not over after {timeout:g} s: it is still being stopped, "
                "or it cannot be, then the supervisor's log says why",
                EXIT_AWAY,
                f"see whether it is over: zcasync job {text_of(job)}",
            )
        time.sleep(LOOK_SECONDS)


def _cancel_many(order: Order, place: Any) -> Verdicts:
    from zcasync.cli.session import reading, writing
    from zcasync.protocol.actor import actor_name, claimed_name
    from zcasync.reports.workers import SupervisorProbe

    who = actor_name(os.geteuid(), claimed_name())
    timeout, dry_run = order.timeout, order.dry_run
    with (reading if dry_run else writing)(place, timeout) as session:
        probe = SupervisorProbe(place, timeout / 2)
        jobs = order.wanted.find(session)

        def cancel(connection: Any, manager: Any, some: Collection[Job]) -> Verdicts:
            return {job: _cancel(connection, manager, job, who, probe) for job in some}

        found = bulk.run(session, jobs, cancel, "cancelling", dry_run=dry_run)
        asked = [job for job, why in found.items() if why == ASK]
        found |= dict.fromkeys(asked, "")
        if not dry_run:
            for begin in range(0, len(asked), ASKED_AT_ONCE):
                found |= _have_cancelled(session, place, timeout, asked[begin:][:ASKED_AT_ONCE])
            ended = [job for job, why in found.items() if not why]
            _have_members_cancelled(session, place, timeout, ended)
    return found


def _have_members_cancelled(session: Any, place: Any, timeout: float, jobs: list[Job]) -> None:
    """Have the members end that run, of flows that were cancelled; others end by themselves.

    What could not be stopped goes on, and its result stands, as that of one that was over before.
    """
    from zcasync.control.flows import running_members
    from zcasync.control.jobs import find_job

    running = session.do(
        lambda connection, _: [
            member for job in jobs for member in running_members(find_job(connection, job))
        ]
    )
    for begin in range(0, len(running), ASKED_AT_ONCE):
        _have_cancelled(session, place, timeout, running[begin:][:ASKED_AT_ONCE])


def _cancel(connection: Any, manager: Any, job: Job, who: str, probe: Any) -> str:
    """End a job that no process runs; return '', ASK, or why it cannot be ended."""
    from zcasync.control.cancelling import end
    from zcasync.control.jobs import find_job

    try:
        return "" if end(find_job(connection, job), manager, who, probe) else ASK
    except Refusal as why:
        return str(why)


def _have_cancelled(session: Any, place: Any, timeout: float, jobs: Collection[Job]) -> Verdicts:
    """Have the supervisor end jobs, and wait until they are over."""
    from zcasync.control.cancelling import Supervisor
    from zcasync.interfaces import NotRunning, StorageAway
    from zcasync.protocol.actor import claimed_name

    found: Verdicts = {}
    asked: dict[Job, str] = {}
    supervisor = Supervisor(place, timeout, claimed_name())
    try:
        for job in jobs:
            try:
                asked[job] = supervisor.cancel(job[1])
            except (Refusal, NotRunning, StorageAway) as why:
                found[job] = str(why)
    finally:
        supervisor.close()
    return found | _wait_for(session, asked, timeout)


def _wait_for(session: Any, asked: dict[Job, str], timeout: float) -> Verdicts:
    """Wait until jobs are over, as long as one ends within the timeout."""
    found: Verdicts = {}
    deadline = time.monotonic() + timeout
    while asked:
        over = session.do(lambda connection, _: _those_over(connection, asked))
        found |= over
        for job in over:
            del asked[job]
        if over:
            deadline = time.monotonic() + timeout
        elif time.monotonic() > deadline:
            return found | dict.fromkeys(asked, f"it is still being stopped after {timeout:g} s")
        else:
            time.sleep(LOOK_SECONDS)
    return found


def _those_over(connection: Any, asked: dict[Job, str]) -> Verdicts:
    """Return those that are over: '' where they are cancelled, else the reason why not."""
    from zcasync.control.cancelling import is_over
    from zcasync.control.jobs import find_job

    found: Verdicts = {}
    for job, who in asked.items():
        try:
            if is_over(find_job(connection, job), who):
                found[job] = ""
        except Refusal as why:
            found[job] = str(why)
    return found
