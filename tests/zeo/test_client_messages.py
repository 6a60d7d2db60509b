"""What a client sends runs no code in the server, and takes little memory until it registers."""

from __future__ import annotations

import copyreg
import os
import pickle
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import transaction
import ZODB
from BTrees.OOBTree import OOBTree
from persistent.mapping import PersistentMapping
from ZEO.ClientStorage import ClientStorage
from ZODB.blob import Blob
from ZODB.Connection import TransactionMetaData
from ZODB.utils import z64
from zodbpickle import pickle as zodb_pickle

from tests.processes.servers import Server, own_server
from tests.support.instance import ROOT
from tests.zeo.raw_clients import Marker, RawClient, raw_client, touch
from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.client_messages import UNREGISTERED_BYTES
from zcasync.zeo.plain_values import decode

RECORD = zodb_pickle.dumps(PersistentMapping, 3) + zodb_pickle.dumps({}, 3)
MEGABYTE = 2**20
#: The longest message that a length of four bytes can announce.
LONGEST = struct.pack(">I", 2**32 - 1)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, [ROOT], module="zcasync.zeo", log_level="warning")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def marker(folder: Path) -> Path:
    """The file that an attack makes."""
    return folder / "marker"


def address(server: Server) -> tuple[str, int]:
    return "127.0.0.1", server.port


def lines(server: Server) -> list[str]:
    """What the server has said of clients that it has cut off."""
    return [line for line in server.output.splitlines() if "is cut off" in line]


def require_work(where: Any) -> None:
    """A usual client can commit."""
    storage = ClientStorage(where)
    try:
        transaction = TransactionMetaData("me", "a note", {"number": 1})
        storage.tpc_begin(transaction)
        storage.store(storage.new_oid(), z64, RECORD, "", transaction)
        storage.tpc_vote(transaction)
        storage.tpc_finish(transaction)
    finally:
        storage.close()


# code


def chain(path: Path) -> Marker:
    """The same as ``touch`` without naming eval: looked up where it is."""
    find = Marker(getattr, Marker(__import__, "os"), "mkdir")
    return Marker(map, find, [str(path)])


class Old:
    """Made by copyreg, as old pickles make their objects."""

    def __reduce__(self) -> Any:
        return copyreg._reconstructor, (object, object, None)  # type: ignore[attr-defined]


def renamed(data: bytes) -> bytes:
    """With the name that the module of built-in functions had under Python 2."""
    return data.replace(b"cbuiltins\n", b"c__builtin__\n")


def calls(path: Path) -> dict[str, bytes]:
    """Messages with something to be called in them."""
    given = {
        "eval": touch(path),
        "exec": Marker(exec, f"open({str(path)!r}, 'w').close()"),
        "mkdir": Marker(os.mkdir, str(path)),
        "chain": chain(path),
        "list": Marker(list, (1, 2)),
        "copyreg": Old(),
    }
    found = {
        name: pickle.dumps((1, False, "register", (one, False)), 3) for name, one in given.items()
    }
    return {**found, "python2": renamed(found["eval"])}


@pytest.mark.parametrize("storage", [None, "1"], ids=["unregistered", "registered"])
def test_a_message_that_calls_something_ends_the_connection_and_nothing_else(
    server: Server, marker: Path, storage: str | None
) -> None:
    messages = calls(marker)
    for message in messages.values():
        with raw_client(address(server), storage) as client:
            client.send(message)
            assert client.is_cut_off()

    assert not marker.exists()
    assert server.is_alive
    require_work(address(server))
    assert [line.count("client 127.0.0.1:") for line in lines(server)] == [1] * len(messages)
    assert "Traceback" not in server.output


def test_the_embedded_server_calls_nothing_either(folder: Path, marker: Path) -> None:
    with own_server(folder) as path:
        for storage in (None, "1"):
            with raw_client(path, storage) as client:
                client.send(calls(marker)["eval"])
                assert client.is_cut_off()
        assert not marker.exists()
        require_work(path)


def test_what_a_transaction_notes_is_never_a_pickle_to_be_loaded_later(
    server: Server, marker: Path
) -> None:
    with raw_client(address(server), "1") as client, suppress(ConnectionError):
        extension = pickle.dumps({"note": touch(marker)}, 3)
        client.say("tpc_begin", 7, b"me", b"a note", extension, None, " ")
        client.say("storea", z64, z64, RECORD, 7)
        client.ask("vote", 7)
        client.ask("tpc_finish", 7)
    with raw_client(address(server), "1") as client:
        client.ask("undoLog", 0, -20)
        client.ask("history", z64, 9)
        client.ask("iterator_next", client.ask("iterator_start", None, None))
    assert not marker.exists()
    require_work(address(server))


def test_what_is_logged_of_a_client_is_escaped(server: Server) -> None:
    with raw_client(address(server)) as client:
        client.send(pickle.dumps((1, False, "a\nnew line \x1b[2J", ()), 3))
        assert client.is_cut_off()
    with raw_client(address(server)) as client:
        client.ask("register", "storage\nfaked line", False)

    assert len(lines(server)) == 1
    assert "\x1b" not in server.output
    assert "\nnew line" not in server.output
    assert "\nfaked line" not in server.output


# memory


def megabytes(server: Server) -> float:
    """The most memory that the server has had so far."""
    found = Path(f"/proc/{server.pid}/status").read_text()
    return int(found.split("VmHWM:")[1].split()[0]) / 1024


def test_a_client_that_is_not_registered_makes_the_server_keep_little(server: Server) -> None:
    before = megabytes(server)
    with raw_client(address(server)) as client:
        client.socket.sendall(LONGEST)
        with pytest.raises(ConnectionError):
            client.socket.sendall(bytes(100 * MEGABYTE))
    assert megabytes(server) < before + 20
    assert len(lines(server)) == 1
    require_work(address(server))


def test_it_cannot_ask_for_a_lot_with_few_bytes(server: Server) -> None:
    before = megabytes(server)
    with raw_client(address(server)) as client:
        # "remember None as number 40 million": a list of so many places.
        client.send(b"\x80\x03Nr" + struct.pack("<I", 40_000_000) + b".")
        assert client.is_cut_off()
    assert megabytes(server) < before + 20
    require_work(address(server))


def test_the_first_message_is_a_protocol_that_was_announced(server: Server) -> None:
    for answer in (b"M5", b"Z4", b"x" * UNREGISTERED_BYTES):
        client = RawClient(address(server), answer)
        assert client.is_cut_off()
        client.close()
    assert len(lines(server)) == 3
    client = RawClient(address(server), b"ruok")
    assert b"connections" in client.receive()
    assert client.is_cut_off()
    client.close()


# what is no attack


def test_a_client_that_is_registered_may_send_much(server: Server) -> None:
    with raw_client(address(server), "1") as client:
        client.say("tpc_begin", 7, b"", b"", {}, None, " ")
        client.say("storea", z64, z64, bytes(30 * MEGABYTE), 7)
        assert client.ask("vote", 7) == []
    require_work(address(server))


def test_what_zope_looks_for_in_its_undo_form_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(pytest)("ZopeUndo.Prefix")
    kind = type("Prefix", (), {"__module__": "ZopeUndo.Prefix"})
    module.Prefix = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ZopeUndo", type(pytest)("ZopeUndo"))
    monkeypatch.setitem(sys.modules, "ZopeUndo.Prefix", module)
    sent = kind()
    sent.value = "/site"

    found = decode(pickle.dumps(sent, 3))

    assert isinstance(found, kind)
    assert found.value == "/site"
    data = pickle.dumps(kind, 3)[:-1] + pickle.dumps((None, {"value": 1}), 3)[2:-1] + b"b."
    decode(data)
    assert not hasattr(kind, "value"), "a message has changed a class of the server"


def test_all_that_clients_do_is_understood(folder: Path) -> None:
    with own_server(folder) as path:
        db = ZODB.DB(ClientStorage(path, blob_dir=str(folder / "cache")))
        try:
            use(db)
        finally:
            db.close()


def use(db: Any) -> None:
    """Commit, store a blob and read it, undo, pack, look at the history, copy transactions."""
    with db.transaction("a note") as connection:
        connection.transaction_manager.get().setExtendedInfo("why", ["text", 1, 2.5, None, b"x"])
        connection.root()["blob"] = Blob(b"content")
        connection.root()["tree"] = OOBTree({1: "one"})
    with db.transaction() as connection:
        connection.root()["tree"][1] = "two"
    with db.transaction() as connection:
        tree = connection.root()["tree"]
        assert connection.root()["blob"].open("c").read() == b"content"
        assert len(db.history(tree._p_oid, 9)) == 2
    [last, noted] = db.undoLog(0, 2)
    assert noted["why"] == ["text", 1, 2.5, None, b"x"]
    assert db.undoInfo(0, -20, {"description": b"a note"})[0]["id"] == noted["id"]
    manager = transaction.TransactionManager()
    db.undo(last["id"], manager.get())
    manager.commit()
    db.pack()
    with db.transaction() as connection:
        assert connection.root()["tree"][1] == "one"
    copied = list(db.storage.iterator())
    assert copied[-1].extension == {}
    assert db.storage.server_status()["connections"] == 1


def test_our_client_says_what_the_server_would_not_take(folder: Path) -> None:
    with own_server(folder) as path:
        storage = PipelinedClientStorage(path)
        try:
            with pytest.raises(TypeError, match=r"\['when'\], .* names datetime\.date;.*isoformat"):
                storage.tpc_begin(TransactionMetaData("me", "a note", {"when": date(2026, 1, 1)}))
            about = TransactionMetaData("me", "a note", {"when": [2026, 1, 1]})
            storage.tpc_begin(about)
            storage.store(storage.new_oid(), z64, RECORD, "", about)
            storage.tpc_vote(about)
            storage.tpc_finish(about)
        finally:
            storage.close()
