"""Opening a child's databases: those that its specification names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zcasync.database.opening import open_databases, open_servers, restrict
from zcasync.instance import settings
from zcasync.instance.home import Home
from zcasync.protocol.child_spec import ChildSpec


def opener(spec: ChildSpec) -> Callable[[], Any]:
    """Return a function that opens a child's databases and returns the main one."""

    def open_all() -> Any:
        home = Home.find(spec.home)
        configuration = settings.load(home, None if spec.config is None else Path(spec.config))
        if spec.servers is None:
            return open_databases(home, configuration, spec.storage_timeout)
        db = open_servers(spec.servers, spec.storage_timeout, spec.main)
        restrict(db, configuration, home)
        return db

    return open_all
