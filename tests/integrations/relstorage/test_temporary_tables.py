"""What a transaction hands over in temporary tables is gone from them when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.homes import opened
from tests.integrations.relstorage.listeners import Writer
from zcasync.relstorage.adoption import adopt
from zcasync.relstorage.ring import ring_commits
from zcasync.relstorage.temporary_tables import MOST_BYTES, TABLES


@pytest.fixture
def db(database: Database, keep_history: bool, tmp_path: Any) -> Iterator[Any]:
    """A database as our own processes have it."""
    blobs = str(tmp_path / "blobs")
    options = {"blob_dir": blobs, "shared_blob_dir": False}
    with opened(database.dsn, keep_history=keep_history, **options) as made:
        adopt(made)
        ring_commits(made)
        yield made


@pytest.fixture
def writer(db: Any) -> Iterator[Writer]:
    made = Writer(db)
    yield made
    made.close()


def ask(db: Any, question: str) -> list[Any]:
    """What the session answers that will commit next."""
    pool = db.storage._store_connection_pool
    session = pool.borrow()
    try:
        session.cursor.execute(question)
        return list(session.cursor.fetchall())
    finally:
        pool.replace(session)


def left(db: Any) -> int:
    """How many rows there are in the tables."""
    counts = [f"SELECT count(*) FROM pg_temp.{name}" for name in TABLES]
    return sum(row[0] for row in ask(db, " UNION ALL ".join(counts)))


def test_the_tables_are_ours(db: Any, writer: Writer) -> None:
    writer.root["one"] = PersistentMapping()
    writer.commit()

    found = ask(db, "SELECT count(*) FROM pg_trigger WHERE tgname = 'zcasync_empty'")
    assert found == [(len(TABLES),)]


def test_a_commit_leaves_no_rows(db: Any, writer: Writer) -> None:
    for number in range(3):
        writer.root["several"] = [PersistentMapping(n=number) for _ in range(10)]
        writer.commit()
        assert left(db) == 0

    writer.transactions.begin()
    assert [one["n"] for one in writer.root["several"]] == [2] * 10


def test_a_commit_with_a_blob_leaves_no_rows_and_the_blob(
    database: Database, db: Any, writer: Writer, keep_history: bool, tmp_path: Any
) -> None:
    for data in (b"first", b"second"):
        writer.root["blob"] = Blob(data)
        writer.commit()
        assert left(db) == 0

    options = {"blob_dir": str(tmp_path / "elsewhere"), "shared_blob_dir": False}
    with opened(database.dsn, keep_history=keep_history, **options) as elsewhere:
        other = Writer(elsewhere)
        with other.root["blob"].open() as file:
            assert file.read() == b"second"
        other.close()


def test_a_commit_whose_conflicts_were_resolved_leaves_no_rows(db: Any, writer: Writer) -> None:
    writer.root["tree"], writer.root["length"] = OOBTree({"a": 1}), Length()
    writer.commit()
    other = Writer(db)
    writer.root["tree"]["b"] = 2
    writer.root["length"].change(1)
    other.root["tree"]["c"] = 3
    other.root["length"].change(1)
    writer.commit()
    other.commit()
    other.close()
    assert left(db) == 0

    writer.transactions.begin()
    assert dict(writer.root["tree"]) == {"a": 1, "b": 2, "c": 3}
    assert writer.root["length"]() == 2


def test_a_commit_that_fails_after_its_vote_leaves_no_rows(db: Any, writer: Writer) -> None:
    writer.root["one"] = PersistentMapping(n=1)
    writer.commit()
    other = Writer(db)
    writer.root["one"]["n"] = 2
    other.root["one"]["n"] = 3
    writer.commit()
    with pytest.raises(Exception, match="conflict"):
        other.commit()
    other.close()
    assert left(db) == 0

    writer.root["one"]["m"] = 4
    writer.commit()
    assert dict(writer.root["one"]) == {"n": 2, "m": 4}


def test_the_room_of_large_commits_is_given_back(db: Any, writer: Writer) -> None:
    size = "SELECT pg_total_relation_size('pg_temp.temp_store')"
    writer.root["many"] = [PersistentMapping(data="x" * 500) for _ in range(2000)]
    writer.commit()
    assert ask(db, size)[0][0] < MOST_BYTES / 4

    for number in range(5):
        writer.root["large"] = PersistentMapping(data=[str(number)] * 100)
        writer.commit()
    assert left(db) == 0


def test_the_server_expects_few_rows_also_behind_large_commits(db: Any, writer: Writer) -> None:
    expected = "SELECT reltuples, relpages FROM pg_class WHERE oid = 'pg_temp.temp_store'::regclass"
    assert ask(db, expected) == [(5.0, 1)]
    writer.root["many"] = [PersistentMapping(data="x" * 500) for _ in range(2000)]
    writer.commit()
    assert ask(db, expected) == [(5.0, 1)]


def test_a_commit_finds_what_it_writes_by_index_where_the_server_knows_no_numbers(
    db: Any, writer: Writer
) -> None:
    writer.root["many"] = [PersistentMapping() for _ in range(500)]
    writer.commit()

    plan = ask(db, "EXPLAIN SELECT * FROM pg_temp.temp_store JOIN object_state USING (zoid)")

    shown = "\n".join(row[0] for row in plan)
    assert "on object_state" in shown
    assert "Seq Scan on object_state" not in shown
    assert ask(db, "SHOW jit") == [("off",)]
