"""``zcasync release``: the release of what a stale engine holds, now."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples
from zcasync.cli.which_worker import require_uuid, worker_meant


@click.command(
    "release",
    short_help="Give up a stale engine's claims now.",
    epilog=examples("zcasync release 0f8fad5b-d9cb-469f-a165-70867728950e"),
)
@click.argument("worker_or_engine", metavar="UUID")
@common_options
def command(worker_or_engine: str, home: str | None, timeout: float, as_json: bool) -> None:
    """Bury the engine of a worker (UUID of either) and let what it holds run elsewhere, at once.

    The beginning that zcasync status prints will do, where no other UUID begins so.
    Use it for an engine on a machine that will not come back; zcasync ghosts names them.  Refuses,
    with exit code 1, while the engine's process provably lives.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import writing
    from zcasync.instance.home import Home
    from zcasync.reports.workers import SupervisorProbe

    require_uuid(worker_or_engine)
    place = Home.find(home)
    supervisor = SupervisorProbe(place, timeout / 2)
    with writing(place, timeout) as session:
        released = session.change(
            lambda connection, manager: _release(manager, worker_or_engine, supervisor),
            lambda connection, manager, released: not _is_named(manager, released["engine"]),
        )
    if as_json:
        print_json(released)
    else:
        count = len(released["jobs"])
        print_line(
            f"engine {released['engine']} of worker {released['worker']} is buried; "
            f"{count} {'job' if count == 1 else 'jobs'} given up"
        )


def _is_named(manager: Any, engine: str) -> bool:
    """Return whether a worker's record still names the engine."""
    return any(str(worker.engineUUID) == engine for worker in manager.workers.values())


def _release(manager: Any, wanted: str, supervisor: Any) -> dict[str, Any]:
    """Release what the engine holds; ``supervisor``: what is known of this home's."""
    from zcasync.job.ids import id_of
    from zcasync.liveness.takeover import take_over
    from zcasync.liveness.verdict import Verdict, judge

    worker = worker_meant([] if manager is None else list(manager.workers.values()), wanted)
    judgement = judge(worker, supervisor.sighting_of(worker))
    if judgement.verdict == Verdict.STOPPED:
        raise Refusal(f"worker {worker.UUID} has no engine: it was stopped or released before")
    engine = worker.engineUUID
    if judgement.verdict in (Verdict.RUNNING, Verdict.USURPED):
        raise Refusal(
            f"engine {engine} of worker {worker.UUID} lives as process {judgement.pid} on "
            f"{judgement.host or 'this machine'}: stop it first, with zcasync stop in its home"
        )
    jobs = [id_of(partial) for partial in (*worker.thread, *worker.reactor)]
    take_over(worker, "released by an operator", None, None)
    return {"worker": str(worker.UUID), "engine": str(engine), "jobs": jobs}
