"""The engine of an application's own Twisted process, with children or with threads."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from zcasync import import_path
from zcasync.database.opening import apply_settings
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, Settings, load
from zcasync.liveness.watch import Watch
from zcasync.protocol.child_spec import ChildSpec
from zcasync.supervisor.children.factory import child_processes
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts
from zcasync.supervisor.keeper import EngineKeeper
from zcasync.twisted_engine.inherited import InheritedDatabases
from zcasync.twisted_engine.keeper import EmbeddedKeeper
from zcasync.twisted_engine.parts import parts_of
from zcasync.versions import require_supported


def engine_keeper(db: Any, worker: Any, reactor: Any, *, in_process: bool = False) -> EngineKeeper:
    """Return the keeper of an engine for a database that the application has opened.

    It is not started yet.  Settings are those of ``etc/zcasync.conf`` in ``$INSTANCE_HOME``.
    Children open the databases that this file names, else those of the ZEO servers that ``db`` and
    its companions are clients of, with the same options; ``in_process``: there are none, thread
    jobs run in threads of this process.  Raises ConfigurationError where children could open no
    database, for a file that cannot be used, and for versions of ZODB and ZEO that are not
    supported.
    """
    require_supported()
    home = Home.find()
    configuration = load(home)
    settings, watch = configuration.settings, Watch()
    import_path.add(settings.import_path)
    apply_settings(db, configuration, home)
    if in_process:
        make_one = partial(in_process_engine, db, worker, reactor, settings, watch)
        return EmbeddedKeeper(reactor, make_one, settings.grace_period)
    spec_for = _spec_maker(db, home, configuration)
    parts = EngineParts(child_processes(reactor, settings, spec_for), watch=watch)

    def make(lost: Callable[[BaseException], None]) -> Engine:
        return Engine(
            db,
            worker,
            reactor=reactor,
            settings=settings,
            parts=parts,
            callbacks=EngineCallbacks(lost=lost),
        )

    return EmbeddedKeeper(reactor, make, settings.grace_period)


def in_process_engine(
    db: Any,
    worker: uuid.UUID,
    reactor: Any,
    settings: Settings,
    watch: Watch,
    lost: Callable[[BaseException], None] = lambda error: None,
) -> Engine:
    """Return an engine whose thread jobs run in threads of this process."""
    found = parts_of(reactor)
    parts = EngineParts(
        found.make_pool(reactor, db), found.make_reactor_jobs, found.make_thread(reactor), watch
    )
    return Engine(
        db,
        worker,
        reactor=reactor,
        settings=settings,
        parts=parts,
        callbacks=EngineCallbacks(lost=lost),
    )


def _spec_maker(db: Any, home: Home, configuration: Configuration) -> Callable[[bytes], str]:
    """Return a function: incarnation's oid -> the specification of the database for a child."""
    inherited = InheritedDatabases(db, home.config_file) if configuration.is_embedded else None

    def spec_for(incarnation: bytes) -> str:
        own = None if inherited is None else inherited.servers()
        main = None if inherited is None else inherited.main
        settings = configuration.settings
        return ChildSpec.of(home.path, settings, incarnation, servers=own, main=main).to_text()

    return spec_for
