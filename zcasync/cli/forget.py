"""``zcasync forget``: the removal of a worker's record, for good."""

from __future__ import annotations

import os
import uuid
from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples
from zcasync.cli.which_worker import require_uuid, worker_meant

#: What to do about an engine that lives, or may live.
STOP = "stop it first, with zcasync stop in its home"


@click.command(
    "forget",
    short_help="Remove the record of a worker that is gone.",
    epilog=examples("zcasync forget 0f8fad5b-d9cb-469f-a165-70867728950e"),
)
@click.argument("worker", metavar="UUID")
@common_options
def command(worker: str, home: str | None, timeout: float, as_json: bool) -> None:
    """Remove the record of a worker whose home is gone, for good.

    The beginning that zcasync status prints will do, where no other UUID begins so.
    What it has completed stays to be looked at as before; its sizes and queues are forgotten.
    Refuses, with exit code 1, while its engine lives or may live, and while it holds jobs.  Should
    a supervisor start in its home once more, it begins with a new record.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import writing
    from zcasync.instance.home import Home
    from zcasync.reports.workers import SupervisorProbe

    require_uuid(worker)
    place = Home.find(home)
    supervisor = SupervisorProbe(place, timeout / 2)
    with writing(place, timeout) as session:
        forgotten = session.change(
            lambda connection, manager: _forget(connection, manager, worker, supervisor),
            lambda _, manager, found: uuid.UUID(found["worker"]) not in manager.workers,
        )
    if as_json:
        print_json(forgotten)
    else:
        count = forgotten["completed"]
        kept = f"its {count:,} completed jobs stay" if count != 1 else "its completed job stays"
        print_line(
            f"worker {forgotten['worker']} is forgotten; "
            + (f"{kept} in zcasync jobs until their time" if count else "it had completed nothing")
        )


def _forget(connection: Any, manager: Any, wanted: str, supervisor: Any) -> dict[str, Any]:
    """Remove the record; ``supervisor``: what is known of this home's."""
    from zcasync.liveness.takeover import take_over
    from zcasync.protocol.actor import actor_name, claimed_name

    worker = worker_meant([] if manager is None else list(manager.workers.values()), wanted)
    _require_gone(worker, supervisor)
    engine, name = worker.engineUUID, worker.UUID
    take_over(worker, "its worker was forgotten by an operator", None, None)
    count = len(worker.completed)
    manager.workers.remove(worker)
    # There is no record any more that could tell who has done it: the transaction does.
    who = actor_name(os.geteuid(), claimed_name())
    note = f"zcasync forget {name}, which had completed {count} jobs; by {who}"
    connection.transaction_manager.get().note(note)
    return {
        "worker": str(name),
        "engine": None if engine is None else str(engine),
        "completed": count,
    }


def _require_gone(worker: Any, supervisor: Any) -> None:
    """Raise Refusal while its engine may live, and while it holds jobs."""
    from zcasync.liveness.verdict import Verdict, judge

    judgement = judge(worker, supervisor.sighting_of(worker))
    who = f"engine {worker.engineUUID} of worker {worker.UUID}"
    if judgement.verdict in (Verdict.RUNNING, Verdict.USURPED):
        where = judgement.host or "this machine"
        raise Refusal(f"{who} lives as process {judgement.pid} on {where}: {STOP}")
    if judgement.verdict == Verdict.SILENT:
        raise Refusal(f"{who} may live ({judgement.reason}): {STOP}, or wait until it is dead")
    held = sum(map(worker.holds, worker.sequences))
    if held:
        jobs = "1 job" if held == 1 else f"{held:,} jobs"
        raise Refusal(f"worker {worker.UUID} still holds {jobs}: {_remedy(worker)}")


def _remedy(worker: Any) -> str:
    if worker.engineUUID is None:  # nothing is left to be released
        return "the supervisor of another worker takes them over: start one"
    return f"give them up first, with zcasync release {worker.UUID}"
