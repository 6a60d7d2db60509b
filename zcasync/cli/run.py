"""``zcasync run``: the supervisor in the foreground."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from zcasync import clock
from zcasync.cli.options import Seconds, examples, home_option
from zcasync.text import printable

if TYPE_CHECKING:
    from zcasync.instance.home import Home
    from zcasync.instance.lock import HomeMoved
    from zcasync.instance.settings import Configuration
    from zcasync.supervisor.service import Supervisor


@click.command(
    "run",
    short_help="Be the supervisor of a home, in the foreground.",
    epilog=examples(
        "zcasync run --home instance",
        "zcasync run --home instance --children 4 --grace-period 60",
        "zcasync run --home instance --queues mail:2,thread",
    ),
)
@home_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file.  [default: etc/zcasync.conf of the home]",
)
@click.option(
    "--children",
    type=click.IntRange(min=0),
    metavar="N",
    help="Write N to the worker's thread size.  [default: what its record says, 1 when new]",
)
@click.option(
    "--queues",
    metavar="NAME[:N],...",
    help="Write these to the worker's queues, at most N jobs of one at once; *: all.  "
    "[default: what its record says, all when new]",
)
@click.option(
    "--application",
    metavar="NAME",
    help="Set the application up with this: myapp.jobs:set_up.  [default: the setting, none]",
)
@click.option(
    "--grace-period",
    type=Seconds(zero=True),
    metavar="SECONDS",
    help="Running jobs may finish within this time at a stop.  [default: the setting, 25]",
)
@click.option(
    "--ephemeral",
    is_flag=True,
    help="Remove the worker's record when it has stopped: for a container with a home of its own.",
)
@click.option(
    "--log",
    type=click.Choice(["-", "file"]),
    help="-: all of the log to standard error, and no file.  [default: the setting, file]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="json: an object in each line of the log.  [default: the setting, text]",
)
def command(
    home: str | None,
    config: Path | None,
    children: int | None,
    queues: str | None,
    application: str | None,
    grace_period: float | None,
    ephemeral: bool,
    log: str | None,
    log_format: str | None,
) -> None:
    """Be the supervisor of a home, until SIGTERM, SIGINT or zcasync stop.

    A second SIGTERM or SIGINT shortens the grace period to three seconds, a third ends it at once.
    SIGHUP stops it in a terminal; elsewhere it reads its configuration again, and reopens its log,
    which SIGUSR1 does alone.  At SIGUSR2 the log gets the stacks of all its processes.

    Makes the home when it is missing.  Prints a line that begins with "zcasync ready" when the
    first child can take a job; the log is log/zcasync.log in the home, or with --log - on standard
    error.  twistd zcasync is the same as a daemon: its log, which has that line too, is twistd's.
    """
    from zcasync.instance.home import Home
    from zcasync.instance.lock import HomeMoved
    from zcasync.protocol.dispositions import held

    held.hold()  # process 1 gets no signal that it has no handler for
    path = None if config is None else config.absolute()
    wishes = {"children": children, "grace_period": grace_period, "queues": _checked(queues)}
    wishes |= {"ephemeral": ephemeral or None, "log": log, "log_format": log_format}
    try:
        run(Home.find(home), path, wishes, application)
    except HomeMoved as error:
        if error.path is None:
            raise
        follow(error, error.path, path)


def run(
    home: Home,
    path: Path | None,
    wishes: Mapping[str, Any],
    application: str | None = None,
) -> None:
    """Be the supervisor of ``home`` until asked to stop.

    ``wishes``: settings by name, None leaves one as configured.

    Raises ConfigurationError, AlreadyServed or any other error that ended it.
    """
    from zcasync.versions import require_supported

    require_supported()  # before what needs them is loaded
    from twisted.internet import reactor as installed

    from zcasync.supervisor import logs
    from zcasync.supervisor.service import Supervisor, ready_line, stop_reactor
    from zcasync.supervisor.signals import Signals

    reactor: Any = installed
    clock.steady(reactor)
    read = partial(_read, home, path, application, wishes)
    with _patient_streams():
        configuration = read()  # before the home is made
        home.create()
        stdout = sys.stdout
        logs.begin(home, configuration.settings)
        printer = logs.printer(stdout)

        def ready() -> None:
            printer.write(f"{printable(ready_line(home))}\n")

        told: dict[str, Any] = {"config_path": path, "ready": ready}
        told["failed"] = lambda error: reactor.callLater(0, stop_reactor, reactor)
        supervisor = Supervisor(reactor, home, configuration, **told, follows=True)
        reactor.addSystemEventTrigger("before", "shutdown", supervisor.stopService)
        reactor.callWhenRunning(Signals(reactor, supervisor, read).install)
        reactor.callWhenRunning(supervisor.startService)
        reactor.run()
        logs.end()
    _raise_problem(supervisor)


def _raise_problem(supervisor: Supervisor) -> None:
    """Raise what has ended a supervisor, unless it only has moved and is to stop anyway."""
    from zcasync.instance.lock import HomeMoved

    problem = supervisor.problem
    if isinstance(problem, HomeMoved):
        if supervisor.is_told_to_stop:
            return
        os.environ.update(supervisor.service_manager.variables)
    if problem is not None:
        raise problem


def follow(error: HomeMoved, home: Path, config: Path | None) -> NoReturn:
    """Become the supervisor of the home where it is now: no client misses one meanwhile."""
    from zcasync.cli.errors import say
    from zcasync.instance.lock import VARIABLE
    from zcasync.protocol.dispositions import FOR_SUPERVISOR

    say(f"{error.before} was moved to {home}: this process goes on there")
    words = [*sys.orig_argv[1:], "--home", os.fspath(home)]
    if config is not None and config.is_relative_to(error.before):
        words += ["--config", os.fspath(home / config.relative_to(error.before))]
    # Those that come just now are for the programme that this process becomes.
    signal.pthread_sigmask(signal.SIG_BLOCK, FOR_SUPERVISOR)
    os.set_inheritable(error.lock, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[VARIABLE] = str(error.lock)
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  no shell is wanted


def _read(
    home: Home, path: Path | None, application: str | None, wishes: Mapping[str, Any]
) -> Configuration:
    """Return the configuration as it is now.  Raises ConfigurationError."""
    from zcasync.instance.settings import load

    return load(home, path, application).with_settings(**wishes)


def _checked(queues: str | None) -> str | None:
    """Return the names of queues.  Raises ConfigurationError where they are no list of those."""
    from zcasync.errors import ConfigurationError
    from zcasync.instance import datatypes

    try:
        return None if queues is None else datatypes.queues(queues)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


@contextmanager
def _patient_streams() -> Iterator[None]:
    """From now on nobody waits long for the two output streams, nor is told of their errors.

    They are put back in the end, as the log takes them meanwhile.
    """
    from zcasync.supervisor.log_outlets import patient

    streams = patient(sys.stdout), patient(sys.stderr)
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
