"""An engine inside an application's own Twisted process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from zcasync.database.opening import server_addresses
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.instance.settings import load
from zcasync.liveness.watch import Watch
from zcasync.protocol.child_spec import ChildSpec
from zcasync.supervisor.children.pool import child_processes
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts
from zcasync.supervisor.keeper import EngineKeeper


def embedded_engine(db: Any, worker: Any, reactor: Any) -> EngineKeeper:
    """Keeps an engine for a database that the application has opened; it is not started yet.

    Children open the databases that ``etc/zcasync.conf`` of ``$INSTANCE_HOME`` names, else the ZEO
    servers that ``db`` and its companions are clients of.  Raises ConfigurationError where neither
    is possible.
    """
    home = Home.find()
    configuration = load(home)
    servers = server_addresses(db)
    if configuration.is_embedded and servers is None:
        raise ConfigurationError(
            f"child processes could not open {type(db.storage).__name__} "
            f"{db.storage.getName()!r}, which belongs to this process: serve it with ZEO, name a "
            f"shared storage in {home.config_file}, or ask for threads of this process with "
            "InstallTwistedEngine(in_process=True)"
        )

    def spec_for(incarnation: bytes) -> str:
        return ChildSpec(
            home=os.fspath(home.path),
            config=None,
            incarnation=incarnation.hex(),
            parent=os.getpid(),
            storage_timeout=configuration.settings.storage_timeout,
            servers=servers if configuration.is_embedded else None,
        ).to_text()

    settings = configuration.settings
    parts = EngineParts(child_processes(reactor, settings, spec_for), watch=Watch())

    def make(lost: Callable[[BaseException], None]) -> Engine:
        return Engine(
            db,
            worker,
            reactor=reactor,
            settings=settings,
            parts=parts,
            callbacks=EngineCallbacks(lost=lost),
        )

    return EngineKeeper(reactor, make)
