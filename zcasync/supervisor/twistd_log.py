"""The log under twistd: where ``--logfile`` says, written in a thread of its own as that of a home.

twistd's own observers wait for the disk, the pipe or the terminal that they write to.  Those of
``--syslog`` and ``--logger`` are left as they are.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from twisted.python import usage

from zcasync.instance.settings import Settings
from zcasync.supervisor import logs
from zcasync.supervisor.log_lines import TEXT, lines_of
from zcasync.supervisor.log_outlets import IOutlet, LogFile, LogStream

#: Others may read a log that twistd makes, where the umask lets them; nobody else writes to it.
FILE_MODE = 0o644

#: Twistd's options and our settings, from the command line's end to the beginning of its log.
_chosen: list[tuple[MutableMapping[str, Any], Settings]] = []


def choose(options: MutableMapping[str, Any] | None, settings: Settings) -> None:
    """Have twistd, which has these options, log by ``observer``.

    Raises UsageError where that cannot log as ``settings`` say.
    """
    is_twistd = options is not None and "nodaemon" in options
    is_plain = settings.log != logs.STDERR and settings.log_format == TEXT
    if not is_twistd or options is None or options["logger"] or options.get("syslog"):
        if not is_plain:
            raise usage.UsageError(
                "log and log-format are for zcasync run, and twistd without --logger and --syslog"
            )
        return
    if settings.log == logs.STDERR and not options["nodaemon"]:
        raise usage.UsageError("a daemon has no standard error to log to: give twistd --nodaemon")
    _chosen[:] = [(options, settings)]
    options["logger"] = f"{__name__}.observer"


def observer() -> Any:
    """Return the observer that twistd is to log by.  Raises OSError where no file can be opened."""
    options, settings = _chosen[0]
    lines = lines_of(settings.log_format)
    writer = logs.writer_for(_outlet(options, settings), lines)
    if options["nodaemon"]:
        writer.start()
    logs.take_records(writer, lines)
    return logs.observer_of(writer, lines)


def write_with(reactor: Any) -> None:
    """Begin to write when the reactor runs, after twistd's forks, and have all written at its end.

    twistd may end by the signal that has stopped it, which no handler of ours sees.
    """
    reactor.callWhenRunning(logs.start)
    reactor.addSystemEventTrigger("after", "shutdown", logs.end)


def _outlet(options: MutableMapping[str, Any], settings: Settings) -> IOutlet:
    name = options["logfile"]
    if settings.log == logs.STDERR:
        return logs.outlet_of(sys.stderr)
    if name == "-" and not options["nodaemon"]:
        raise SystemExit("Daemons cannot log to stdout, exiting!")  # as twistd itself says it
    if name == "-" or (not name and options["nodaemon"]):
        return logs.outlet_of(sys.stdout)
    path = Path(name or "twistd.log").absolute()
    if path.exists() and not path.is_file():
        return LogStream(_open(path), str(path))
    return LogFile(path, _open)


def _open(path: Path) -> int:
    """Open a file for appending, or a pipe or device.  Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, FILE_MODE)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        os.set_blocking(fd, True)
    return fd
