"""Homes whose database is RelStorage's: their configuration, their client, the audit of the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.audits import ANYTHING
from zcasync.audit.inspection import inspect
from zcasync.database.missing_classes import make_database
from zcasync.database.sync import connected
from zcasync.datamanager import find

SECTION = """
%import relstorage
<zodb{name}>
  <relstorage>
    keep-history {keep_history}
    {storage}
    <postgresql>
      driver psycopg2
      dsn {dsn}
    </postgresql>
  </relstorage>
</zodb>
"""
WORKER = """
<zcasync>
  grace-period 5
  poll-seconds 1
  {settings}
</zcasync>
"""


def section(dsn: str, keep_history: bool = True, storage: str = "", name: str = "") -> str:
    """The part of a configuration for one database; ``storage``: more keys of its storage."""
    return SECTION.format(
        dsn=dsn,
        keep_history=str(keep_history).lower(),
        storage=storage,
        name=name and f" {name}",
    )


def home_config(dsn: str, keep_history: bool = True, storage: str = "", settings: str = "") -> str:
    """The text of a home's configuration; ``settings``: more of those of the worker."""
    return section(dsn, keep_history, storage) + WORKER.format(settings=settings)


@contextmanager
def opened(dsn: str, **options: Any) -> Iterator[Any]:
    """RelStorage's own client of a database, as any application opens it."""
    # Not above: pytest loads the conftest, and this with it, in every environment.
    from relstorage.adapters.postgresql import PostgreSQLAdapter
    from relstorage.options import Options
    from relstorage.storage import RelStorage

    made = Options(driver="psycopg2", **options)
    db = make_database(RelStorage(PostgreSQLAdapter(dsn, made), options=made))
    try:
        yield db
    finally:
        db.close()


def audit_database(dsn: str, keep_history: bool, kinds: Collection[str] = ()) -> None:
    """Fail when an audit finds something in a database that nobody works on any more."""
    if ANYTHING in kinds:
        return
    options = {"keep_history": keep_history, "read_only": True, "create_schema": False}
    with opened(dsn, **options) as db, connected(db) as connection:
        manager = find(connection)
        found = [] if manager is None else inspect(connection, manager).findings
    left = [str(one) for one in found if one.kind not in kinds]
    if left:
        pytest.fail("\n".join(["the test leaves a database with", *left]), pytrace=False)
