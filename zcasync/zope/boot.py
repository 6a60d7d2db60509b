"""The start of Zope over databases that are open already, in a thread of its own.

Zope starts in one thread and answers requests in others; a child is ready for jobs once that thread
has ended.  So nothing that a product leaves behind in it, a transaction above all, is the jobs'.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from App.config import setConfiguration
from Zope2.Startup import get_wsgi_starter
from Zope2.Startup.handlers import handleWSGIConfig

from zcasync.errors import StartedBeforeError

#: Variables that Zope sets, or reads its configuration from, and that are others' here.
VARIABLES = ("INSTANCE_HOME", "ZOPE_CONFIG")
#: What the start of Zope in this process has raised.
_failures: list[BaseException] = []


def boot(options: Any, databases: Any) -> None:
    """Start Zope with the options of a ``zope.conf``; ``databases``: those in it, open, by name.

    Products, ZCML, the environment and what else stands there are set up.  Raises what goes wrong,
    and StartedBeforeError where that has gone wrong before: Zope takes a start that has failed for
    one that was made, and what it had registered by then is there.
    """
    if _failures:
        raise StartedBeforeError(
            f"Zope's start in process {os.getpid()} has failed before and cannot be made again, "
            f"only in a new process: {type(_failures[0]).__name__}: "
            f"{' '.join(str(_failures[0]).split())}"
        )
    root = options.configroot
    root.dbtab.databases = databases
    with _kept(VARIABLES):
        os.environ.pop("ZOPE_CONFIG", None)
        handleWSGIConfig(root, options.confighandlers)
        setConfiguration(root)
        starter = get_wsgi_starter()
        starter.setConfiguration(root)
        factories = {name: db.classFactory for name, db in databases.items()}
        in_thread(starter.prepare)
        for name, factory in factories.items():
            databases[name].classFactory = factory  # Zope 5 sets its own


def in_thread(work: Callable[[], Any]) -> None:
    """Call ``work()`` in a new thread, and wait for its end.  Raises what it raises."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            work()
        except BaseException as error:  # SystemExit too; it is raised again, by who waits
            raised.append(error)

    thread = Thread(target=call, name="start of Zope")
    thread.start()
    thread.join()
    if raised:
        _failures.extend(raised)
        raise raised[0]


@contextmanager
def _kept(names: tuple[str, ...]) -> Iterator[None]:
    """Put variables of the environment back at the end."""
    before = {name: os.environ.pop(name, None) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
