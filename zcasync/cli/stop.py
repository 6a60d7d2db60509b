"""``zcasync stop``: the graceful end of a home's supervisor, waited for."""

from __future__ import annotations

import time
from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.options import Seconds, examples, home_option, json_option

#: After the grace period the last transaction and the database server have their time too.
AFTER_GRACE_SECONDS = 15.0
ASK_SECONDS = 10.0
LOOK_SECONDS = 0.05


@click.command(
    "stop",
    short_help="Stop the supervisor gracefully.",
    epilog=examples("zcasync stop", "zcasync stop --timeout 60"),
)
@home_option
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    help="Wait no longer than this for its end.  "
    f"[default: the grace period and {AFTER_GRACE_SECONDS:g} s]",
)
@json_option
def command(home: str | None, timeout: float | None, as_json: bool) -> None:
    """Stop the supervisor of this home gracefully, and wait until its process is gone.

    Running jobs may finish within the grace period, the others wait for the next start.  Exit code
    1 when it still runs after the timeout (it goes on stopping), 3 when it cannot be reached.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.errors import NotRunning
    from zcasync.instance.home import Home
    from zcasync.instance.settings import load

    place = Home.find(home)
    place.require()
    grace = load(place).settings.grace_period
    seconds = grace + AFTER_GRACE_SECONDS if timeout is None else timeout
    deadline = time.monotonic() + seconds
    _require_awake(place)
    try:
        found = _ask(place, min(seconds, ASK_SECONDS))
    except NotRunning as error:
        raise NotRunning(f"no supervisor runs for {place.path}") from error
    pid = found["pid"]
    if not as_json:
        busy = sum(1 for child in found["children"] if child["job"])
        jobs = f"; running jobs ({busy}) get up to {grace:g} s" if busy else ""
        print_line(f"process {pid} is stopping{jobs}")
    _wait(place, found["identity"], pid, deadline, seconds)
    if as_json:
        print_json({"pid": pid, "stopped": True})
    else:
        print_line("stopped")


def _ask(home: Any, timeout: float) -> dict[str, Any]:
    """Ask the supervisor to stop; return its status right before."""
    from zcasync.protocol.actor import claimed_name
    from zcasync.protocol.control import Stop
    from zcasync.protocol.control_client import ControlClient

    client = ControlClient(home.control_socket, timeout, home.owner)
    try:
        found = client.status()
        client.call(Stop, who=claimed_name())
    finally:
        client.close()
    return found


def _require_awake(home: Any) -> None:
    """Raise StorageAway where a signal has stopped the supervisor: it can be asked nothing."""
    from zcasync.errors import StorageAway
    from zcasync.instance.stopped import stopped_supervisor

    told = stopped_supervisor(home)
    if told:
        raise StorageAway(f"the supervisor of {home.path}, {told}")


def _wait(home: Any, identity: dict[str, Any], pid: int, deadline: float, seconds: float) -> None:
    """Wait until the process is gone.  Raises Refusal at the deadline, StorageAway as above."""
    from zcasync.instance.process_identity import ProcessIdentity

    process = ProcessIdentity.from_dict(identity)
    while process.is_alive() is not False:
        if time.monotonic() > deadline:
            raise Refusal(f"process {pid} is still stopping after {seconds:g} s; see its log")
        _require_awake(home)
        time.sleep(LOOK_SECONDS)
