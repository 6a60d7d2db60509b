"""``zcasync reload``: new children in place of all, which load the new code."""

from __future__ import annotations

import math
import time
from typing import Any

import click

from zcasync.cli.errors import EXIT_NO, Refusal, say
from zcasync.cli.options import Seconds, examples, home_option, json_option

#: A child that boots is ended after its time, and that is seen a little later.
AFTER_BOOT_SECONDS = 10.0
ASK_SECONDS = 10.0
LOOK_SECONDS = 0.1
#: Said where jobs are called in the supervisor.
RESTART = "reactor jobs go on with the code that the supervisor has loaded: restart it for theirs"


@click.command(
    "reload",
    short_help="Replace all children: they load new code.",
    epilog=examples("zcasync reload", "zcasync reload --wait"),
)
@home_option
@click.option("--wait", is_flag=True, help="Wait until no old child is left.")
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    help="Wait no longer than this.  "
    f"[default: boot-timeout and {AFTER_BOOT_SECONDS:g} s; with --wait without end]",
)
@json_option
def command(home: str | None, wait: bool, timeout: float | None, as_json: bool) -> int:
    """Replace all children of this home's supervisor by new ones, which import all code anew.

    One new child is started; when it is ready, the old ones end one after the other, each after the
    job that it has, and new ones take their places.  No job is interrupted.  What was assigned to
    an old child and has not begun, the next free one does.

    Exit code 1 when the new child cannot boot: then the old ones go on, and zcasync status shows
    its last lines; another reload tries again.  3 when no supervisor runs.
    """
    from zcasync.instance.home import Home
    from zcasync.instance.settings import load

    place = Home.find(home)
    place.require()
    if timeout is None:
        timeout = math.inf if wait else load(place).settings.boot_timeout + AFTER_BOOT_SECONDS
    before = _begin(place, min(timeout, ASK_SECONDS))
    found = _decided(place, before, timeout, wait=wait)
    return _print(found, as_json)


def _begin(home: Any, timeout: float) -> dict[str, Any]:
    """Ask the supervisor to begin; return its status right after.  Raises Refusal, NotRunning."""
    from zcasync.errors import NotRunning
    from zcasync.protocol.actor import claimed_name
    from zcasync.protocol.control import Reload
    from zcasync.protocol.control_client import ControlClient

    try:
        client = ControlClient(home.control_socket, timeout, home.owner)
    except NotRunning as error:
        raise NotRunning(
            f"no supervisor runs for {home.path}: there is nothing to reload"
        ) from error
    try:
        if "reload" not in client.status():
            raise Refusal("not reloaded: the supervisor is of an older version: restart it")
        begun = client.call(Reload, who=claimed_name())
        if begun["problem"]:
            raise Refusal(f"not reloaded: {begun['problem']}", remedy="zcasync status")
        return client.status()
    finally:
        client.close()


def _decided(home: Any, before: dict[str, Any], timeout: float, *, wait: bool) -> dict[str, Any]:
    """Return the status when the new children work, or have failed; ``wait``: all are new.

    Raises Refusal at the end of the time, and where the children are those of another engine now.
    """
    from zcasync.errors import NotRunning
    from zcasync.reports.workers import ask

    deadline, found = time.monotonic() + timeout, before
    open_stages = ("booting", "replacing") if wait else ("booting",)
    while found["engine"] == before["engine"] and _stage(found) in open_stages:
        if time.monotonic() > deadline:
            raise Refusal(
                f"after {timeout:g} s {_what_lasts(found['reload'])}; the reload goes on",
                remedy="zcasync status",
            )
        time.sleep(LOOK_SECONDS)
        try:
            found = ask(home, ASK_SECONDS)
        except NotRunning as error:
            raise Refusal("the supervisor has ended before the new children worked") from error
    if found["engine"] != before["engine"] or found["reload"] is None:
        raise Refusal(
            "not known: its engine was replaced meanwhile, and all children with it",
            remedy="zcasync status",
        )
    return found


def _stage(found: dict[str, Any]) -> str | None:
    return None if found["reload"] is None else found["reload"]["state"]


def _what_lasts(reload: dict[str, Any]) -> str:
    if reload["state"] == "booting":
        return "a new child still boots"
    return f"children that are at their jobs still are old ({reload['old']})"


def _print(found: dict[str, Any], as_json: bool) -> int:
    """Print what has become of the reload; return the exit code."""
    from zcasync.cli.ending import Ending
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.sections import new_children

    reload, needs_restart = found["reload"], found["reactor_code"]
    document = {
        "pid": found["pid"],
        "reload": reload,
        "restart_for_reactor_jobs": needs_restart,
    }
    if reload["problem"]:
        text = (
            f"the new child cannot boot, and the old ones go on: {reload['problem']}; its last "
            "lines: zcasync status; mend that, and give zcasync reload again"
        )
        ending = Ending(EXIT_NO, "Refusal", text, "zcasync status")
        if as_json:
            print_json(document | ending.as_dict())
        say(text)
        return EXIT_NO
    if as_json:
        print_json(document)
        return 0
    print_line(f"{new_children(reload['old'])} (generation {reload['generation']})")
    if needs_restart:
        print_line(RESTART)
    return 0
