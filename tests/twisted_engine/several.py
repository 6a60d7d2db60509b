"""An application with databases of its own and an engine in its process: ``several.py FILE``.

FILE is a configuration of ZODB's.  The first database in it is the application's; a file beside it,
``later``, has databases that are opened once the engine runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ZConfig
import zope.component.event  # noqa: F401 - hands on to subscribers what is notified
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver
from ZODB.config import getDbSchema
from zope.component import provideHandler
from zope.event import notify
from zope.processlifetime import DatabaseOpened

import zcasync
from zcasync.subscribers import basicInstallerAndNotifier, installTwistedEngine

LOOK_SECONDS = 0.05


def open_databases(path: Path, databases: dict[str, Any]) -> list[Any]:
    """Open those that a file names."""
    config, _ = ZConfig.loadConfig(getDbSchema(), str(path))
    return [factory.open(databases) for factory in config.database]


def main() -> None:
    """Open the databases, let the subscribers do their work, and run until a signal comes."""
    running: Any = reactor
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    zcasync.configure()
    provideHandler(basicInstallerAndNotifier)
    provideHandler(installTwistedEngine)
    place, databases = Path(sys.argv[1]), {}
    notify(DatabaseOpened(open_databases(place, databases)[0]))
    later = place.with_name("later")

    def look() -> None:
        if later.exists():
            looking.stop()
            for one in open_databases(later, databases):
                notify(DatabaseOpened(one))

    looking = LoopingCall(look)
    looking.start(LOOK_SECONDS)
    running.run()
    print("the reactor has ended", flush=True)


if __name__ == "__main__":
    main()
