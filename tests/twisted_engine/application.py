"""A Twisted application with an engine in its own process: ``application.py PORT TICKS PLACE``.

Its database is a plain ZEO client of the server at that loopback port.  The file TICKS grows by a
byte every 20 ms for as long as the reactor turns.  PLACE, ``threads`` or ``children``, is where
thread jobs run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ZEO
import zope.component.event  # noqa: F401 - hands on to subscribers what is notified
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver
from zope.component import provideHandler
from zope.event import notify
from zope.processlifetime import DatabaseOpened

import zcasync
from zcasync.subscribers import InstallTwistedEngine, basicInstallerAndNotifier

TICK_SECONDS = 0.02


def main() -> None:
    """Open the database, let the subscribers do their work, and run until a signal comes."""
    running: Any = reactor
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    zcasync.configure()
    provideHandler(basicInstallerAndNotifier)
    provideHandler(InstallTwistedEngine(in_process=sys.argv[3] == "threads"))
    notify(DatabaseOpened(ZEO.DB(("127.0.0.1", int(sys.argv[1])), wait_timeout=30)))
    with Path(sys.argv[2]).open("ab", buffering=0) as ticks:
        LoopingCall(ticks.write, b".").start(TICK_SECONDS)
        running.run()
    print("the reactor has ended", flush=True)


if __name__ == "__main__":
    main()
