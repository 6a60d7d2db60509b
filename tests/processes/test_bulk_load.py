"""Many records with one question, as the transaction sees them; and news that came in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import transaction
from BTrees.OOBTree import OOBTree
from persistent.mapping import PersistentMapping
from ZODB import DB
from ZODB.tests.hexstorage import HexStorage
from ZODB.utils import p64, u64

from tests.processes.servers import Connect
from zcasync.child.read_ahead import ClaimReadAhead
from zcasync.database.sync import catch_up, commit, last_seen
from zcasync.zeo.bulk_load import (
    LARGE_BYTES,
    LOAD_MANY,
    ReadAhead,
    ask_ahead,
    at_hand,
    load_ahead,
    load_all,
)
from zcasync.zeo.client import TOGETHER, PipelinedClientStorage
from zcasync.zeo.invalidations import listen


class Reader:
    """A client that counts what it asks its server for."""

    def __init__(self, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connection, self.questions = connection, 0
        self.storage = connection.db().storage
        self.is_ours = TOGETHER in self.storage._info
        server = self.storage._server
        for name in ("call", "load_before"):
            monkeypatch.setattr(server, name, self._counting(getattr(server, name)))

    def _counting(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.questions += 1
            return ask(*args, **options)

        return counted

    def begin(self) -> None:
        catch_up(self.connection.db())
        self.connection.transaction_manager.begin()
        self.questions = 0


@pytest.fixture
def writer(connect: Connect) -> Any:
    """A connection that has stored three objects, and one that is large."""
    connection = connect()
    root = connection.root()
    for name in ("a", "b", "c"):
        root[name] = PersistentMapping({"name": name})
    root["large"] = PersistentMapping({"name": "large", "data": "x" * LARGE_BYTES})
    commit(connection)
    return connection


@pytest.fixture
def reader(connect: Connect, writer: Any, monkeypatch: pytest.MonkeyPatch) -> Reader:
    made = Reader(connect(), monkeypatch)
    made.begin()
    made.connection.root()["a"]
    made.begin()
    return made


def oids(writer: Any, *names: str) -> list[bytes]:
    return [writer.root()[name]._p_oid for name in names]


def test_records_at_hand_are_not_asked_for_again(reader: Reader, writer: Any) -> None:
    root = reader.connection.root()
    with at_hand(reader.connection, oids(writer, "a", "b", "c")):
        load_all(reader.connection, oids(writer, "a", "b"))
        assert [root[name]["name"] for name in "abc"] == ["a", "b", "c"]

    assert reader.questions == 1 or not reader.is_ours
    assert "load" not in vars(reader.connection._storage)


def test_records_that_are_not_needed_are_forgotten(reader: Reader, writer: Any) -> None:
    with at_hand(reader.connection, oids(writer, "a", "b")):
        pass
    root, asked = reader.connection.root(), reader.questions
    assert root["a"]._p_changed is None, "nobody has touched it"

    assert root["a"]["name"] == "a"
    assert reader.questions == asked + 1, "it comes from the storage, as ever"


def test_a_large_record_comes_when_it_is_needed(reader: Reader, writer: Any) -> None:
    root = reader.connection.root()
    with at_hand(reader.connection, oids(writer, "a", "large")):
        assert root["a"]["name"] == "a"
        asked = reader.questions
        assert root["large"]["name"] == "large"

    assert reader.questions == asked + 1


def test_records_at_hand_are_those_that_the_transaction_sees(reader: Reader, writer: Any) -> None:
    writer.root()["a"]["name"] = "changed"
    commit(writer)
    root = reader.connection.root()
    with at_hand(reader.connection, oids(writer, "a", "b")):
        assert [root["a"]["name"], root["b"]["name"]] == ["a", "b"]

    reader.begin()
    with at_hand(reader.connection, oids(writer, "a", "b")):
        assert [root["a"]["name"], root["b"]["name"]] == ["changed", "b"]
        root["b"]["name"] = "mine"
    assert commit(reader.connection)[1] is not None


def test_a_missing_record_and_a_single_one_ask_nothing_more(reader: Reader) -> None:
    with at_hand(reader.connection, [p64(2**40), p64(2**40 + 1)]):
        assert reader.connection.root()["a"]["name"] == "a"
    asked = reader.questions
    with at_hand(reader.connection, [p64(2**40)]):
        pass

    assert reader.questions == asked


def test_a_failure_in_the_block_leaves_the_connection_as_it_was(
    reader: Reader, writer: Any
) -> None:
    with (
        pytest.raises(KeyError, match="mine"),
        at_hand(reader.connection, oids(writer, "a", "b")),
    ):
        raise KeyError("mine")

    assert "load" not in vars(reader.connection._storage)
    assert reader.connection.root()["b"]["name"] == "b"


def heard(reader: Reader, writer: Any, *names: str) -> tuple[ReadAhead | None, Any]:
    """What is asked for when the reader's client hears of a commit of these; and the root."""
    found: list[ReadAhead | None] = []

    class Listens:
        def invalidate(self, tid: bytes, oids: Any) -> None:
            found.append(ask_ahead(reader.connection.db(), tid, oids))

        def invalidate_all(self) -> None:
            raise AssertionError("the server was not away")

    listening = listen(reader.connection.db(), Listens())
    assert listening is not None
    for name in names:
        writer.root()[name]["name"] = "changed"
    commit(writer)
    catch_up(reader.connection.db())
    listening.close()
    return found[0], reader.connection.root()


def test_records_read_ahead_at_a_commit_are_those_that_it_has_left(
    reader: Reader, writer: Any
) -> None:
    ahead, root = heard(reader, writer, "a", "b")
    assert (ahead is not None) == reader.is_ours
    reader.begin()
    with at_hand(reader.connection, oids(writer, "a", "b"), ahead):
        assert [root["a"]["name"], root["b"]["name"]] == ["changed", "changed"]

    assert reader.questions == 0 or not reader.is_ours


def test_a_read_ahead_begins_in_no_other_thread_than_that_of_the_network(
    reader: Reader, writer: Any
) -> None:
    """Who was interrupted in its commit tells of it in its own thread."""
    (oid,) = oids(writer, "a")
    assert ask_ahead(reader.connection.db(), last_seen(reader.connection) or b"", [oid]) is None


def test_a_single_object_can_be_loaded_from_a_read_ahead(reader: Reader, writer: Any) -> None:
    ahead, root = heard(reader, writer, "a")
    reader.begin()
    load_ahead(reader.connection, oids(writer, "a", "b"), ahead)
    assert root["a"]["name"] == "changed"
    assert reader.questions == 0 or not reader.is_ours

    assert root["b"]["name"] == "b"
    assert root["a"]._p_serial == writer.root()["a"]._p_serial


def test_a_read_ahead_is_not_used_once_something_else_is_committed(
    reader: Reader, writer: Any
) -> None:
    ahead, root = heard(reader, writer, "a", "b")
    writer.root()["a"]["name"] = "newer"
    commit(writer)
    reader.begin()
    load_ahead(reader.connection, oids(writer, "a"), ahead)
    with at_hand(reader.connection, oids(writer, "a", "b"), ahead):
        assert [root["a"]["name"], root["b"]["name"]] == ["newer", "changed"]


def test_a_read_ahead_of_a_later_commit_is_not_used_by_an_older_transaction(
    reader: Reader, writer: Any
) -> None:
    ahead, root = heard(reader, writer, "a", "b")
    load_ahead(reader.connection, oids(writer, "a", "b"), ahead)

    assert [root["a"]["name"], root["b"]["name"]] == ["a", "b"]


def test_a_child_reads_ahead_what_the_claim_of_its_next_job_has_written(
    reader: Reader, writer: Any
) -> None:
    db = reader.connection.db()
    before = set(db._mvcc_storage._instances)
    read_ahead = ClaimReadAhead(db)
    claims: list[bytes] = []
    for _ in range(2):
        writer.root()["a"]["name"] = "claimed"
        claims.append(commit(writer)[1] or b"")
        catch_up(db)
        ahead = read_ahead.take(claims[-1])
    assert (ahead is not None) == reader.is_ours, "it knows now what a claim writes"
    reader.begin()
    load_ahead(reader.connection, oids(writer, "a"), ahead)
    assert reader.connection.root()["a"]["name"] == "claimed"

    writer.root()["b"]["name"] = "something else"
    commit(writer)
    catch_up(db)
    assert read_ahead.take(None) is None
    read_ahead.close()
    assert db._mvcc_storage._instances == before


def test_a_server_answers_only_with_records_that_are_small_enough(
    reader: Reader, writer: Any
) -> None:
    if not reader.is_ours:
        pytest.skip("ZEO's own server loads one record at a time")
    start = reader.connection._storage._start
    wanted = oids(writer, "a", "large")
    found = reader.storage._call(LOAD_MANY, wanted, start, LARGE_BYTES)
    assert found[0] is not None
    assert found[1] is None

    assert None not in reader.storage._call(LOAD_MANY, wanted, start)


def test_a_commit_whose_invalidations_have_come_needs_no_question(
    reader: Reader, writer: Any
) -> None:
    writer.root()["a"]["name"] = "changed"
    _, tid = commit(writer)
    assert tid is not None
    catch_up(reader.connection.db())
    assert reader.storage.lastTransaction() >= tid
    reader.questions = 0

    catch_up(reader.connection.db(), tid)
    assert reader.questions == (0 if reader.is_ours else 1)
    catch_up(reader.connection.db(), p64(u64(tid) + 2**40))
    assert reader.questions == (1 if reader.is_ours else 2), "it has not been heard of yet"
    reader.connection.transaction_manager.begin()
    assert reader.connection.root()["a"]["name"] == "changed"


@pytest.mark.leaves("anything")  # in hexadecimal
def test_a_storage_around_the_client_is_asked_for_each_record(address: Any) -> None:
    """It may store something else than what the connection makes of it."""
    client = PipelinedClientStorage(address, wait_timeout=30.0)
    db = DB(HexStorage(client))
    connection = db.open(transaction_manager=transaction.TransactionManager())
    root = connection.root()
    root["a"], root["b"] = PersistentMapping(name="a"), PersistentMapping(name="b")
    commit(connection)
    wanted = oids(connection, "a", "b")
    connection.cacheMinimize()
    load_all(connection, wanted)
    with at_hand(connection, wanted):
        assert [root["a"]["name"], root["b"]["name"]] == ["a", "b"]
    connection.transaction_manager.abort()
    connection.close()
    db.close()


def test_a_commit_returns_its_transaction_id(writer: Any) -> None:
    before = last_seen(writer)
    assert commit(writer) == (False, None)
    writer.root()["a"]["name"] = "changed"
    is_written, tid = commit(writer)

    assert is_written
    assert tid == writer.root()["a"]._p_serial
    writer.transaction_manager.begin()
    assert last_seen(writer) == tid
    assert before is not None
    assert tid is not None
    assert before < tid


def test_a_commit_whose_conflict_was_resolved_returns_its_id_all_the_same(
    connect: Connect, writer: Any
) -> None:
    tree = writer.root()["tree"] = OOBTree()
    commit(writer)
    other = connect()
    other.root()["tree"]["other"] = 1
    commit(other)
    tree["mine"] = 1
    is_written, tid = commit(writer)
    assert (is_written, tid) == (True, None), "the only object is to be loaded again"

    other.root()["tree"]["more"] = 1
    catch_up(other.db())
    other.transaction_manager.abort()
    other.root()["tree"]["more"] = 1
    commit(other)
    tree["mine"], writer.root()["a"]["name"] = 2, "changed"
    _, tid = commit(writer)
    assert tid == writer.root()["a"]._p_serial
