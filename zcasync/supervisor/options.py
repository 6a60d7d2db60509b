"""``twistd zcasync``: its options, and the service it makes of them."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.python import usage

from zcasync import clock, import_path
from zcasync.errors import ConfigurationError, HistoryChanged, NewerRecords
from zcasync.instance import datatypes
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, load
from zcasync.protocol.dispositions import held
from zcasync.supervisor import logs, twistd_log
from zcasync.supervisor.log_lines import escape_all
from zcasync.supervisor.service import Supervisor, stop_reactor
from zcasync.supervisor.signals import Signals
from zcasync.text import printable_lines
from zcasync.versions import require_supported

#: The exit codes of supervisors whose database does not let them go on, as of ``zcasync run``.
CODES: dict[type[BaseException], int] = {
    HistoryChanged: HistoryChanged.exit_code,
    NewerRecords: 2,
}


class Options(usage.Options):  # type: ignore[misc]
    """The command line of ``twistd zcasync``."""

    longdesc = """Run the supervisor of an instance home: it claims the partials that wait in the
    home's database and has them performed, reactor jobs in its own reactor and thread jobs in child
    processes.  Example: twistd --nodaemon zcasync --home /srv/app/instance --children 4"""

    optParameters = [
        ["home", "H", None, "instance home (default: $INSTANCE_HOME, else ./instance)"],
        ["config", "c", None, "configuration file (default: HOME/etc/zcasync.conf)"],
        ["children", "n", None, "write this to the worker's thread size", int],
        ["queues", "q", None, "write these to the worker's queues: mail:2,thread, or *"],
        ["application", "a", None, "what sets the application up: myapp.jobs:set_up"],
        ["grace-period", "g", None, "seconds that running jobs get at a stop", float],
        ["log", None, None, "-: log to standard error, not to twistd's log (setting log)"],
        ["log-format", None, None, "text or json (setting log-format)"],
    ]

    optFlags = [
        ["ephemeral", "e", "remove the worker's record when it has stopped: for containers"],
    ]

    def postOptions(self) -> None:
        """Read the configuration; every problem becomes a UsageError."""
        import_path.leave_current_directory()  # which ``python -m twisted`` imports from
        self.home_found = Home.find(self["home"])
        self.config_path = None if self["config"] is None else Path(self["config"]).absolute()
        try:
            require_supported()
            self.configuration = self.read()
        except ConfigurationError as error:
            raise usage.UsageError(printable_lines(str(error))) from error
        twistd_log.choose(self.parent, self.configuration.settings)

    def read(self) -> Configuration:
        """Return the configuration as it is now.  Raises ConfigurationError."""
        found = load(self.home_found, self.config_path, self["application"])
        return found.with_settings(
            children=self["children"],
            queues=_checked(datatypes.queues, self["queues"]),
            grace_period=self["grace-period"],
            ephemeral=True if self["ephemeral"] else None,
            log=_checked(datatypes.log, self["log"]),
            log_format=_checked(datatypes.log_format, self["log-format"]),
        )


def _checked(datatype: Callable[[str], str], text: str | None) -> str | None:
    """Return an option as its setting is read.  Raises ConfigurationError where it is none."""
    try:
        return None if text is None else datatype(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def makeService(options: Options) -> Service:
    """The supervisor as a service; a supervisor that cannot go on stops the reactor.

    One that its database lets not go on ends with an exit code of its own: see ``CODES``.
    """
    from twisted.internet import reactor

    held.hold()
    running: Any = reactor
    clock.steady(running)

    def failed(error: BaseException) -> None:
        running.callLater(0, stop_reactor, running)

    escape_all()  # twistd begins its log after this
    twistd_log.write_with(running)
    configuration: Configuration = options.configuration
    supervisor = Supervisor(
        running,
        options.home_found,
        configuration,
        config_path=options.config_path,
        failed=failed,
    )
    running.callWhenRunning(lambda: Signals(running, supervisor, options.read).install())
    atexit.register(_end, supervisor)  # twistd itself knows no exit code besides success
    return supervisor


def _end(supervisor: Supervisor) -> None:
    """End the process with the exit code that its service manager is to see."""
    for kind, code in CODES.items():
        if isinstance(supervisor.problem, kind):
            logs.end()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
