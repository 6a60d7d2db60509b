"""``zcasync stop``: the graceful end of a home's supervisor, waited for."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, NamedTuple

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

    Running jobs may finish within the grace period, the others wait for the next start; whatever
    hangs, it ends 10 s later.  One that does not answer is sent SIGTERM.  Exit code 1 when it still
    runs after the timeout (it goes on stopping), 3 when it cannot be reached.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.instance.home import Home

    place = Home.find(home)
    place.require()
    began = time.monotonic()
    _require_awake(place)
    begun = _begin(place, ASK_SECONDS if timeout is None else min(timeout / 2, ASK_SECONDS))
    pid = begun.identity["pid"]
    if not as_json:
        print_line(f"process {pid} is stopping{begun.how}")
    if timeout is None:
        began, timeout = time.monotonic(), begun.grace + AFTER_GRACE_SECONDS
    _wait(place, begun.identity, pid, began + timeout, timeout)
    if as_json:
        print_json({"pid": pid, "stopped": True})
    else:
        print_line("stopped")


class Begun(NamedTuple):
    """A stop that has begun: of which process, what is to be said of it, its grace period."""

    identity: dict[str, Any]
    how: str
    grace: float


def _begin(home: Any, timeout: float) -> Begun:
    """Let the supervisor of a home begin to stop.  Raises NotRunning, StorageAway."""
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.instance.settings import load

    grace = load(home).settings.grace_period
    try:
        found = _ask(home, timeout)
    except NotRunning as error:
        raise NotRunning(f"no supervisor runs for {home.path}") from error
    except StorageAway as error:
        how = ": it does not answer, so it was sent SIGTERM, and it ends whatever hangs"
        return Begun(_signal(home, error), how, grace)
    grace = found.get("grace_period", grace)
    busy = sum(1 for child in found["children"] if child["job"])
    how = f"; running jobs ({busy}) get up to {grace:g} s" if busy else ""
    return Begun(found["identity"], how, grace)


def _ask(home: Any, timeout: float) -> dict[str, Any]:
    """Ask the supervisor to stop; return its status right before."""
    from zcasync.protocol.actor import claimed_name
    from zcasync.protocol.control import Stop
    from zcasync.reports.control_connection import connect

    client = connect(home, timeout)
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


def _signal(home: Any, error: Exception) -> dict[str, Any]:
    """Send SIGTERM to a supervisor that does not answer; return its identity.

    Raises the ``error`` where it is not known to run on this machine, or is another user's.
    """
    from zcasync.instance import lock
    from zcasync.instance.process_identity import ProcessIdentity

    found = lock.read(home)
    process = None if found is None else ProcessIdentity.from_dict(found)
    if process is None or process.is_alive() is not True:
        raise error
    try:
        os.kill(process.pid, signal.SIGTERM)
    except PermissionError:
        raise error from None
    return process.as_dict()


def _wait(home: Any, identity: dict[str, Any], pid: int, deadline: float, seconds: float) -> None:
    """Wait until the process is gone.  Raises Refusal at the deadline, StorageAway as above."""
    from zcasync.instance.process_identity import ProcessIdentity

    process = ProcessIdentity.from_dict(identity)
    while process.is_alive() is not False:
        if time.monotonic() > deadline:
            raise Refusal(f"process {pid} is still stopping after {seconds:g} s; see its log")
        _require_awake(home)
        time.sleep(LOOK_SECONDS)
