"""An application for tests: it is set up in children and supervisors, and stands around calls."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import ZConfig
from zope.component import getGlobalSiteManager
from zope.component.hooks import getSite, setSite
from zope.interface import Interface

from zcasync.interfaces import IDataManager
from zcasync.testing.waiting import wait_until

SCHEMA = """
<schema>
  <import package="ZODB"/>
  <multisection type="ZODB.database" name="*" attribute="databases"/>
</schema>
"""

SET_UP: list[Any] = []  # of this process
AROUND: list[str] = []  # what stands around the call that runs now


class IGreeting(Interface):
    """Registered by the application, as ZCML would."""


class Greeting:
    """What the application registers."""

    text = "hello"


class Site:
    """A site of the current thread."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getSiteManager(self) -> Any:
        return getGlobalSiteManager()


class Application:
    """What ``set_up`` returns."""

    def __init__(self, process: Any) -> None:
        self.process = process

    @contextmanager
    def job(self, partial: Any, connection: Any) -> Iterator[None]:
        """Keep the calls that are being made, and the transactions that they end."""
        refused = self.process.home / "refused"
        if refused.exists():
            raise LookupError(f"user {refused.read_text()} is gone")
        assert connection.root() is not None
        AROUND.append(partial.callable_name)
        setSite(Site(f"site of {partial.callable_name}"))
        current = connection.transaction_manager.get()  # of a reactor job not the thread's
        current.addBeforeCommitHook(note_site, (connection, partial.id))
        try:
            yield
        finally:
            setSite(None)
            AROUND.pop()
            hangs = self.process.home / "hangs behind the call"
            wait_until(lambda: not hangs.exists(), "the file to be gone", 60)
            if (self.process.home / "cannot be left").exists():
                raise OSError("no way out")

    def close(self) -> None:
        """Leave a file that says so; hang where one asks for that."""
        (self.process.home / f"closed-{os.getpid()}").touch()
        if (self.process.home / "hangs at the end").exists():
            threading.Event().wait()


def note_site(connection: Any, job: str) -> None:
    """Store the site at the commit; a reactor job commits in another thread than it is called."""
    if connection.opened is not None:
        sites = connection.root().get("sites", {})
        connection.root()["sites"] = {**sites, job: getattr(getSite(), "name", None)}


def set_up(process: Any, *arguments: str) -> Application:
    """Set the application up: a factory for the setting ``application``."""
    problem = process.home / "problem"
    if problem.exists():
        raise ValueError(problem.read_text())
    registry = getGlobalSiteManager()
    registry.registerUtility(Greeting(), IGreeting)
    SET_UP.append(
        {
            "role": process.role,
            "home": str(process.home),
            "databases": sorted(process.databases),
            "is_open": process.database.opened if hasattr(process.database, "opened") else True,
            "max_jobs": process.settings.max_jobs,
            "arguments": list(arguments),
            "pid": os.getpid(),
        }
    )
    return Application(process)


def set_up_only(process: Any) -> None:
    """Set up, and have nothing around calls."""
    set_up(process)


def seen() -> dict[str, Any]:
    """A job: return what it finds around it."""
    registry = getGlobalSiteManager()
    return {
        "set_up": list(SET_UP),
        "around": list(AROUND),
        "site": getattr(getSite(), "name", None),
        "greeting": registry.getUtility(IGreeting).text,
    }


async def seen_by_a_coroutine() -> dict[str, Any]:
    """A job that is a coroutine: return what it finds around it before it waits for anything."""
    return seen()


def around(*results: Any) -> list[str]:
    """A job or a callback: return what stands around it."""
    return list(AROUND)


def put_another(partial: Any) -> str:
    """A job that puts another one, as the description has it."""
    other = IDataManager(partial).thread.put(seen)
    partial._p_jar.add(other)
    return other.id  # type: ignore[no-any-return]


def fail() -> None:
    """A job that fails."""
    raise KeyError("nothing there")


def close_database(partial: Any) -> None:
    """A job that closes the databases of its process."""
    partial._p_jar.db().close()


def processes(home: Path) -> str:
    """Return the files that closed applications have left."""
    return json.dumps(sorted(one.name for one in home.glob("closed-*")))


def nothing(process: Any) -> None:
    """Set up nothing; it brings databases, though: none."""


nothing.databases = lambda home: []  # type: ignore[attr-defined]


def mounted(process: Any, path: str) -> None:
    """Set up nothing; it brings the databases of a file of its own, the first is the main one."""


def _mounted(home: Path, path: str) -> list[Any]:
    schema = ZConfig.loadSchemaFile(StringIO(SCHEMA))
    return ZConfig.loadConfig(schema, str(home / path))[0].databases  # type: ignore[no-any-return]


mounted.databases = _mounted  # type: ignore[attr-defined]
