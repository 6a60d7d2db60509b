"""``zcasync demo``: real work by durable jobs, the kill of a child, and a count to compare."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from transaction.interfaces import TransientError

import zcasync
from zcasync.database.sync import connected
from zcasync.demo.counting import plain_count
from zcasync.demo.hosting import OwnSupervisor, remove, temporary_home
from zcasync.demo.index import ROOT_KEY
from zcasync.demo.jobs import Jobs
from zcasync.demo.killing import Killer
from zcasync.demo.report import SLOWEST, Report, make_console
from zcasync.demo.source import Portion, portions, source_files, standard_library
from zcasync.demo.tour import Tour, tour_folder
from zcasync.errors import ConfigurationError, NotRunning, StorageAway, ZCAsyncError
from zcasync.instance.home import Home
from zcasync.protocol.control_client import ControlClient

T = TypeVar("T")

CHILDREN = 2
LOOKUPS = ["asyncio", "OrderedDict", "SIGKILL"]
LOOK_SECONDS = 0.1
CONTROL_SECONDS = 10.0
#: A supervisor that is starting has no children yet; one that is paused gets none.
CHILDREN_SECONDS = 20.0
#: Jobs of the demo take a second; no result for so long means that no child runs them.
STALL_SECONDS = 120.0
EXIT_INTERRUPTED = 130


def demo(home: str | None, source: Path | None = None) -> int:
    """Run the demo; return the exit code: 0 when all counts agree, else 1.

    Without ``home`` a temporary one is used.  ``source``: a folder to index instead of the standard
    library.  Raises ZCAsyncError when the home or its supervisor cannot be used.
    """
    report = Report(make_console())
    root = standard_library() if source is None else source
    dealt = portions(source_files(root))
    if not dealt:
        raise ConfigurationError(f"there is no Python source below {root}: nothing to index")
    with signals_interrupt():
        try:
            report.opening(root, dealt)
            with host(report, home) as served:
                agree = Demo(report, served, root, dealt).run()
        except KeyboardInterrupt:
            report.stopped(home)
            return EXIT_INTERRUPTED
    report.closing(agree)
    return 0 if agree else 1


def tour(home: str | None) -> int:
    """Show what can be said of a job, each once; return the exit code: 0 when all went well.

    ``home`` and errors: as for ``demo``.
    """
    report = Report(make_console())
    with signals_interrupt():
        try:
            report.tour_begins()
            with host(report, home) as served, tour_folder() as folder:
                went_well = served.use(lambda one: Tour(report, one, folder).run())
        except KeyboardInterrupt:
            report.stopped(home)
            return EXIT_INTERRUPTED
    report.tour_ends(went_well)
    return 0 if went_well else 1


class Host:
    """A home that is served; ``own``: the supervisor, when the demo has started it."""

    def __init__(self, home: Home, own: OwnSupervisor | None) -> None:
        self.home, self.own = home, own

    def status(self) -> dict[str, Any]:
        """Return the supervisor's own status.  Raises NotRunning, StorageAway."""
        client = ControlClient(self.home.control_socket, CONTROL_SECONDS, self.home.owner)
        try:
            return client.status()
        finally:
            client.close()

    def wait_for_children(self) -> dict[str, Any]:
        """Return the status once there are children.  Raises ConfigurationError without any."""
        deadline = time.monotonic() + CHILDREN_SECONDS
        while not (status := self.status())["children"]:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the supervisor of {self.home.path} has no children, so no thread job runs: "
                    f"stop it, then start it with zcasync run --children {CHILDREN}"
                )
            time.sleep(LOOK_SECONDS)
        return status

    def use(self, work: Callable[[Any], T]) -> T:
        """Return ``work(connection)``, with a connection to the home's database.

        Raises NotRunning and StorageAway when the supervisor or its database goes away.
        """
        zcasync.configure()
        db = zcasync.open(self.home.path)
        try:
            with connected(db) as connection:
                return work(connection)
        except TransientError as error:
            self.check()
            raise StorageAway(f"the database does not answer any more: {error}") from error
        finally:
            db.close()

    def check(self) -> None:
        """Raise NotRunning when the demo's own supervisor has ended."""
        if self.own is not None:
            self.own.check()


@contextlib.contextmanager
def host(report: Report, path: str | None) -> Iterator[Host]:
    """Provide a home with a supervisor; what the demo itself has made of it ends with the block."""
    temporary = path is None
    home = temporary_home() if path is None else Home.find(path)
    own = None
    try:
        report.step("A supervisor and its children")
        if temporary or not is_served(home):
            own = OwnSupervisor(home, CHILDREN)
            own.wait_until_ready()
        served = Host(home, own)
        status = served.wait_for_children()
        report.served(home, status, temporary=temporary, own=own is not None)
        yield served
    except ZCAsyncError:
        if own is not None:
            report.supervisor_said(own.last_lines())
        raise
    finally:
        if own is not None:
            own.stop()
        if temporary:
            try:
                remove(home)
            except OSError as error:
                report.say(f"The temporary home {home.path} could not be removed: {error}")


def is_served(home: Home) -> bool:
    """Return whether a supervisor answers for this home.  Raises StorageAway when one hangs."""
    try:
        Host(home, None).status()
    except NotRunning:
        return False
    return True


class Demo:
    """The demo itself, once a supervisor is there."""

    def __init__(self, report: Report, host: Host, root: Path, dealt: list[Portion]) -> None:
        self._report, self._host, self._root, self._dealt = report, host, root, dealt

    def run(self) -> bool:
        """Put, watch, look up, compare; return whether all counts agree.

        Raises NotRunning and StorageAway when the supervisor or its database goes away.
        """
        return self._host.use(self._run)

    def _run(self, connection: Any) -> bool:
        report = self._report
        report.step("One job for each package or large module, put in one commit")
        jobs = Jobs(connection, self._root, self._dealt)
        report.put(len(jobs.all), ROOT_KEY)
        took = self._watch(jobs)
        problems = jobs.problems()
        if problems:
            report.failed(problems)
            return False
        report.step(f"The slowest {SLOWEST} jobs")
        report.slowest(jobs.slowest(SLOWEST))
        report.step("Three lookups in the index, read from the database")
        found = report.lookups(jobs.index, LOOKUPS)
        report.step("The same files counted by this process alone, one after the other")
        names = [file.name for portion in self._dealt for file in portion.files]
        with report.meter("counting", "files", len(names)) as meter:
            plain = plain_count(self._root, names, LOOKUPS, meter.advance)
        report.times(took, meter.seconds)
        return report.comparison(jobs.index.totals(), found, plain)

    def _watch(self, jobs: Jobs) -> float:
        """Show the jobs until all are done, and kill a child at half; return the seconds."""
        killer = Killer(jobs, self._host.status, self._report.say)
        last, last_change = 0, time.monotonic()
        with self._report.meter("indexing", "jobs", len(jobs.all)) as meter:
            while last < len(jobs.all):
                time.sleep(LOOK_SECONDS)
                done = len(jobs.look())
                meter.show(done)
                killer.look(done)
                self._host.check()
                if done > last:
                    last, last_change = done, time.monotonic()
                elif time.monotonic() - last_change > STALL_SECONDS:
                    raise StorageAway(
                        f"no job of the demo has ended for {STALL_SECONDS:g} s; {last} of "
                        f"{len(jobs.all)} are done: look at zcasync status and the home's log"
                    )
        self._report.interrupted(killer.noticed)
        return meter.seconds


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the demo as Ctrl-C does."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
