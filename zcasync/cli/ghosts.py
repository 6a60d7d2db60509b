"""``zcasync ghosts``: engines that ended without recording it, and what they left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_NO, say
from zcasync.cli.options import Seconds, common_options, examples

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

#: The number of a ghost's jobs that are named in the readable form.
JOBS_SHOWN = 5
#: A database without a server is read when that takes no longer than this; else the files of the
#: last start are enough to judge this home.
PATIENCE_SECONDS = 0.5
#: A database server that is ending may answer within this time; the answer is promised within a
#: second, of which Python takes half to start.
ENDING_SECONDS = 0.2
#: The pause between two checks whether a server that has not answered is there at all.
LOOK_SECONDS = 0.1


@click.command(
    "ghosts",
    short_help="Show the engines that are gone without having said so.",
    epilog=examples("zcasync ghosts", "zcasync ghosts --watch 60", "zcasync ghosts --json"),
)
@click.option(
    "--watch",
    type=Seconds(),
    metavar="SECONDS",
    help="Watch engines on other machines for so long, or until their silence or a sign of life "
    "has decided.",
)
@common_options
def command(watch: float | None, home: str | None, timeout: float, as_json: bool) -> int:
    """Show the workers whose engine is gone without having said so, and what they hold.

    Engines of this machine are judged by their processes, at once.  One elsewhere can only be
    judged by its silence, for which --watch takes the time.  Where nobody serves the database and
    to read it would take long, this home is judged by what its last supervisor has written into it.
    Also names processes that a supervisor of this home which is gone has left behind.  Exit code 1
    when there is a ghost or such a process.
    """
    from zcasync.cli.output import print_json
    from zcasync.instance.home import Home
    from zcasync.instance.stopped import stopped_supervisor
    from zcasync.reports import workers as report
    from zcasync.reports.orphans import orphans

    place = Home.find(home)
    place.require()
    supervisor = report.SupervisorProbe(place, timeout / 2)
    told = stopped_supervisor(place)
    if told:
        say(f"the supervisor of {place.path}, {told}")
    found, silent = _look(place, supervisor, timeout, watch)
    running = (supervisor.status or {}).get("engine")
    last = (supervisor.holder or {}).get("engine")
    if supervisor.is_alive is not False and running is None:
        running = last  # it does not answer, but it lives, or may live
    left = orphans(place, running, last)
    if as_json:
        documents = [one.as_dict() for one in left]
        document = {"ghosts": found, "silent": silent, "orphans": documents}
        print_json(document | (_failed(found, left) if found or left else {}))
    else:
        _print(found, silent, left, place)
    return EXIT_NO if found or left else 0


def _failed(found: list[dict[str, Any]], left: list[Any]) -> dict[str, Any]:
    """Return what the document has more where there are ghosts or orphans."""
    said = f"{len(found)} ghosts, {len(left)} processes that a supervisor has left behind"
    return Ending(EXIT_NO, "Ghosts", said, "without --json each is shown with its remedy").as_dict()


def _look(
    place: Any, supervisor: Any, timeout: float, seconds: float | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the stale and the silent engines.  Raises StorageAway when nothing is known."""
    from zcasync.cli.session import reading, require_awake
    from zcasync.database.client import is_any_server_away
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.instance.settings import load
    from zcasync.liveness.verdict import STALE, Verdict
    from zcasync.reports import workers as report

    own = report.own_from_files(place, supervisor)
    verdict = None if own is None else Verdict(own["verdict"])
    try:
        require_awake(place)
        # A ghost is reported at once.  Where there may be none a server is worth waiting for.
        if verdict in STALE and is_any_server_away(load(place)):
            raise StorageAway("nobody listens where the database's server should")
        with reading(place, timeout, PATIENCE_SECONDS) as session:
            do: Callable[..., Any] = session.do
            if verdict in STALE:
                do = partial(_do_beside_a_ghost, session, place, timeout)
            return _judge(do, place, supervisor, seconds)
    except (StorageAway, NotRunning) as error:
        # That this home is in order proves nothing about others, if there can be others.
        if verdict in STALE or (verdict == Verdict.STOPPED and report.is_alone(place)):
            say(f"{error}; this home alone is judged, by what its last supervisor wrote down")
            return ([own] if own is not None and verdict in STALE else []), []
        raise


def _do_beside_a_ghost(session: Any, place: Any, timeout: float, work: Callable[..., T]) -> T:
    """Do the work as ``session.do`` does; raise StorageAway once no answer can be expected.

    The database server may be ending too, and be gone before it has answered.  That of the embedded
    default is certainly ending, or is frozen, because its supervisor is gone.
    """
    from concurrent.futures import wait

    from ZEO.Exceptions import ClientDisconnected

    from zcasync.database.client import is_any_server_away, is_served
    from zcasync.errors import StorageAway
    from zcasync.instance.settings import load

    configuration = load(place)
    is_ending = configuration.is_embedded and is_served(place)
    until = time.monotonic() + (ENDING_SECONDS if is_ending else timeout)
    answer: Future[T] = session.begin(work)
    while not wait([answer], LOOK_SECONDS).done:
        if time.monotonic() >= until or is_any_server_away(configuration):
            session.leave()
            raise StorageAway(f"the database of {place.path} does not answer")
    try:
        return answer.result()
    except ClientDisconnected as error:
        raise StorageAway(f"the server of the database of {place.path} has just ended") from error


def _judge(
    do: Callable[..., Any], place: Any, supervisor: Any, seconds: float | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judge the workers by their records, again and again while watching can decide something."""
    from zcasync.liveness.verdict import Verdict
    from zcasync.liveness.watch import PAUSE_SECONDS, Watch
    from zcasync.reports import workers as report

    watch = None if seconds is None else Watch()
    until = time.monotonic() + (seconds or 0)

    def look(connection: Any, manager: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        reports = report.workers(manager, place, supervisor, watch)
        silent = [one for one in reports if one["verdict"] == Verdict.SILENT]
        return report.stale(reports, manager), silent

    while True:
        found, silent = do(look)
        left = until - time.monotonic()
        if not silent or left <= 0:
            return found, silent
        time.sleep(min(left, PAUSE_SECONDS))


def _print(
    found: list[dict[str, Any]], silent: list[dict[str, Any]], left: list[Any], place: Any
) -> None:
    from zcasync.cli.output import print_line

    shown = [lambda one=one: _print_ghost(one, place) for one in found]
    shown += [lambda one=one: _print_overdue(one) for one in silent if one["overdue"]]
    shown += [lambda one=one: _print_orphan(one) for one in left]
    if not found:
        print_line("no ghosts")
    for number, print_one in enumerate(shown):
        if number or not found:
            print_line()
        print_one()


def _print_ghost(ghost: dict[str, Any], place: Any) -> None:
    from zcasync.cli.output import ago, print_facts

    print_facts(
        [
            ("Ghost", f"engine {ghost['engine'] or 'not known'}"),
            ("Worker", f"{ghost['uuid']}{' (this home)' if ghost['is_here'] else ''}"),
            ("Process", ghost["pid"] and f"{ghost['pid']} on {ghost['host']}"),
            ("Verdict", ghost["verdict"]),
            ("Last seen", ago(ghost["since"]) or "never"),
            ("Why", ghost["reason"]),
            ("Holds", _holds(ghost)),
            *_advice(ghost, place),
        ]
    )


def _holds(ghost: dict[str, Any]) -> str:
    if not ghost["jobs_known"]:
        return "not known without the database"
    shown = ", ".join(ghost["jobs"][:JOBS_SHOWN])
    more = len(ghost["jobs"]) - JOBS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def _advice(ghost: dict[str, Any], place: Any) -> list[tuple[str, str]]:
    from zcasync.cli.output import Verbatim

    advice = "start its supervisor, or if it will not come back:"
    command = f"zcasync release {ghost['uuid']}"
    if ghost["is_here"]:
        advice = "start its supervisor, which takes it over:"
        command = f"zcasync run --home {place.path}"
    return [("To do", advice), ("", Verbatim(command))]


def _print_overdue(worker: dict[str, Any]) -> None:
    from zcasync.cli.output import Verbatim, print_facts

    seconds = round(worker["silence_limit"]) + 5
    print_facts(
        [
            ("Overdue", f"engine {worker['engine']}"),
            ("Worker", worker["uuid"]),
            ("Why", worker["reason"]),
            ("To do", "look at it there, or watch it from here:"),
            ("", Verbatim(f"zcasync ghosts --watch {seconds}")),
        ]
    )


def _print_orphan(orphan: Any) -> None:
    from zcasync.cli.output import Verbatim, ago, print_facts

    print_facts(
        [
            ("Orphan", f"process {orphan.pid}, begun {ago(orphan.since)}"),
            ("Engine", orphan.engine or "not known"),
            ("Command", orphan.command),
            ("Why", "the supervisor that it belonged to is gone"),
            ("To do", "end it; a job that it is at runs again elsewhere:"),
            ("", Verbatim(f"kill -9 {orphan.pid}")),
        ]
    )
