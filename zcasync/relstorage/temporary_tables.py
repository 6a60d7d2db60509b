"""The temporary tables of sessions that commit to PostgreSQL: emptied without being truncated.

RelStorage hands over in temporary tables what a transaction has written, and has the server empty
them at each commit.  It does so by truncating a dozen files, after which it plans every statement
of RelStorage's functions anew: a third of the time of a small commit, and far more where a file
system is slow at that.  In these tables the rows are deleted instead, by the server at the commit
as before, whoever has put them there.

The server also learns that there are few: of a table that it has never looked into it expects some
hundred rows, and then reads all objects of a database of some ten thousand at each commit.

RelStorage makes its own where there are none, with a trigger of its own for blobs, which leaves
alone what the transaction has moved to its place.
"""

from __future__ import annotations

import weakref
from typing import Any

RECORDS = "zoid BIGINT NOT NULL PRIMARY KEY, prev_tid BIGINT NOT NULL, md5 CHAR(32), state BYTEA"
CHUNKS = "zoid BIGINT NOT NULL, chunk_num BIGINT NOT NULL, chunk OID, PRIMARY KEY (zoid, chunk_num)"
#: The columns that RelStorage's have.
TABLES = {"temp_store": RECORDS, "temp_store_replacements": RECORDS, "temp_blob_chunk": CHUNKS}
#: Among many rows each is found by its index.
TABLE = """
CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT PRESERVE ROWS;
CREATE FUNCTION pg_temp.zcasync_empty_{name}() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS
$$ BEGIN DELETE FROM pg_temp.{name} WHERE zoid = NEW.zoid; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER zcasync_empty AFTER INSERT ON pg_temp.{name}
INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.zcasync_empty_{name}();
"""
TRUNCATE = f"TRUNCATE {', '.join(f'pg_temp.{name}' for name in TABLES)}"
#: A truncated table is one that was never looked into.  The oids are spread, as no index is to be
#: read from its beginning to the last of them.
ANALYZE = """
INSERT INTO pg_temp.{name} SELECT n * 1000000000000000, n, repeat('0', 32), 'some'
FROM generate_series(1, 5) AS n;
ANALYZE pg_temp.{name};
DELETE FROM pg_temp.{name};
"""
#: What was deleted takes room, and time to pass over, until the tables are truncated all the same:
#: behind so many bytes, among which each record counts for some more.
MOST_BYTES = 1_000_000
BYTES_A_RECORD = 500
#: The attribute of what all connections of a database share.
TABLES_OF = "zcasync_temporary_tables"


class TemporaryTables:
    """What is called for each session when it begins, and before each of its commits."""

    def __init__(self) -> None:
        self._bytes: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __call__(self, cursor: Any, restart: bool = False) -> None:
        """Make the tables, or give back their room now and then."""
        session = cursor.connection
        if not restart:
            for name, columns in TABLES.items():
                cursor.execute(TABLE.format(name=name, columns=columns))
        elif self._bytes.get(session, 0) > MOST_BYTES:
            del self._bytes[session]
            cursor.execute(TRUNCATE)
        else:
            return
        for name, columns in TABLES.items():
            if columns is RECORDS:
                cursor.execute(ANALYZE.format(name=name))
        session.commit()

    def note(self, session: Any, records: int, size: int) -> None:
        """Take note of what a session writes."""
        self._bytes[session] = self._bytes.get(session, 0) + size + records * BYTES_A_RECORD


def use_tables(shared: Any) -> None:
    """Let the sessions that are opened from now on have such tables.

    ``shared``: what all connections of a database share, RelStorage's connection manager.
    """
    tables = TemporaryTables()
    setattr(shared, TABLES_OF, tables)
    shared._on_store_opened = (tables, *shared._on_store_opened)


def note_written(shared: Any, session: Any, records: int, size: int) -> None:
    """Take note of the records, and of their size in bytes, that a session writes."""
    tables = getattr(shared, TABLES_OF, None)
    if tables is not None:
        tables.note(session, records, size)
