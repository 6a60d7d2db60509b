"""Facts about databases and their connections that ZODB keeps in private attributes."""

from __future__ import annotations

from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from zcasync.zeo.connections import is_usable


def test_a_database_that_is_closed_is_not_usable() -> None:
    databases: dict[str, DB] = {}
    main = DB(MappingStorage(), databases=databases, database_name="main")
    other = DB(MappingStorage(), databases=databases, database_name="other")
    assert is_usable(main)
    other.close()
    assert not is_usable(main)
    main.close()
    assert not is_usable(main)
