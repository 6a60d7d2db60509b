"""``zcasync cancel``: ends one job, wherever it is on its way."""

from __future__ import annotations

import getpass
import socket
import time
from typing import Any

import click

from zcasync.cli.errors import EXIT_AWAY, Refusal
from zcasync.cli.options import common_options, examples

LOOK_SECONDS = 0.05


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
    from zcasync.home import Home
    from zcasync.ids import parse

    try:
        name, oid = parse(job_id)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    place = Home.find(home)
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    deadline = time.monotonic() + timeout
    with writing(place, timeout) as session:
        held = session.do(lambda connection, manager: _end(connection, manager, name, oid, who))
        if held:
            _ask_supervisor(place, deadline, oid, who)
        while not session.do(lambda connection, manager: _is_over(connection, name, oid)):
            if time.monotonic() > deadline:
                raise Refusal(f"job {job_id} is still being stopped after {timeout:g} s", EXIT_AWAY)
            time.sleep(LOOK_SECONDS)
    if as_json:
        print_json({"id": job_id, "cancelled_by": who})
    else:
        print_line(f"job {job_id} is cancelled")


def _find(connection: Any, name: str, oid: bytes) -> Any:
    from ZODB.POSException import POSKeyError

    from zcasync.cli.describe import looks_like_job

    if connection is None or (name and name not in connection.db().databases):
        return None
    here = connection.get_connection(name) if name else connection
    try:
        obj = here.get(oid)
    except POSKeyError:
        return None
    return obj if looks_like_job(obj) else None


def _end(connection: Any, manager: Any, name: str, oid: bytes, who: str) -> bool:
    """End a job that no process works on; whether some worker of this home holds it instead."""
    from zcasync.failure import from_exception
    from zcasync.ids import hex_oid, id_of
    from zcasync.interfaces import ACTIVE, PENDING, AbortedError
    from zcasync.performing import finish

    partial = _find(connection, name, oid)
    if partial is None:
        raise Refusal(f"there is no job {hex_oid(oid)} in this database")
    if partial.state not in (PENDING, ACTIVE):
        raise Refusal(f"job {id_of(partial)} is over already: it is {partial.state}")
    if partial.state == ACTIVE and partial._waits_for is None:
        return True
    finish(partial, from_exception(AbortedError(f"cancelled by {who}")))
    return False


def _is_over(connection: Any, name: str, oid: bytes) -> bool:
    from zcasync.interfaces import ACTIVE, PENDING

    return _find(connection, name, oid).state not in (PENDING, ACTIVE)


def _ask_supervisor(place: Any, deadline: float, oid: bytes, who: str) -> None:
    from zcasync.ids import hex_oid
    from zcasync.protocol.control import Cancel, ControlClient

    client = ControlClient(place.control_socket, max(0.1, deadline - time.monotonic()))
    try:
        problem = client.call(Cancel, oid=oid, who=who)["problem"]
    finally:
        client.close()
    if problem:
        raise Refusal(f"job {hex_oid(oid)} cannot be cancelled: {problem}")
