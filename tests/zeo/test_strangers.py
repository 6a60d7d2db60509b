"""Whoever connects and does not register can neither exhaust a server nor fill its log.

The messages here are short and expand to something endless.  See ``test_client_messages`` for those
that call something.
"""

from __future__ import annotations

import logging
import pickle
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ZEO.ClientStorage import ClientStorage
from ZODB.FileStorage import FileStorage

from tests.processes.servers import Server
from tests.support.instance import ROOT
from tests.zeo.raw_clients import SECONDS, RawClient, raw_client
from zcasync.zeo import client_connections
from zcasync.zeo.client_messages import (
    UNREGISTERED_BYTES,
    MessageReader,
    RefusedMessage,
    decode_first,
    require_scalars,
)
from zcasync.zeo.server import Server as StorageServer

METHODS = {"register"}
#: So many times a tuple holds the one before it twice: who walks along it does not come to an end.
DOUBLINGS = 200


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The socket of a server that runs in a thread of this process."""
    path = str(folder / "zeo.sock")
    server = StorageServer(path, {"1": FileStorage(str(folder / "Data.fs"))})
    thread = threading.Thread(target=server.loop)
    thread.start()
    try:
        yield path
    finally:
        server.close()
        thread.join()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """One in a process of its own, which may be killed where it is too busy to end."""
    made = Server(folder, [ROOT], module="zcasync.zeo", log_level="info")
    try:
        yield made.start()
    finally:
        made.kill()


def require_usable(server: Server) -> None:
    """A usual client can register, and what was logged before can be read."""
    ClientStorage(("127.0.0.1", server.port)).close()
    assert all(len(line) < 1000 for line in server.output.splitlines())


def endless() -> Any:
    """A tuple of a tuple of a tuple, each twice, which takes a few bytes each."""
    found: Any = ("x",)
    for _ in range(DOUBLINGS):
        found = (found, found)
    return found


def bombs() -> dict[str, bytes]:
    """Short messages of which the log, or a comparison, would show all."""
    given = endless()
    messages = {
        "name": (1, False, given, ()),
        "number": (given, False, "no_method", ()),
        "storage": (1, False, "register", (given, False)),
        "label": (1, False, "set_client_label", (given,)),
        "transaction": (1, False, "tpc_abort", (given,)),
        "begin": (1, False, "tpc_begin", (given, b"", b"", {}, None, " ")),
        "together": (1, False, "together", ([("storea", (b"", b"", b"", given))],)),
        "other": (1, False, "together", ([(given, ())],)),
        "pack": (1, False, "pack", (given, False)),
    }
    return {name: pickle.dumps(message, 3) for name, message in messages.items()}


@pytest.mark.parametrize("storage", [None, "1"], ids=["unregistered", "registered"])
def test_a_short_message_that_expands_ends_the_connection(
    server: Server, storage: str | None
) -> None:
    given = endless()
    for message in (
        (1, False, given, ()),
        (given, False, "no_method", ()),
        (1, False, "register", (given, False)),
        (1, False, "set_client_label", (given,)),
    ):
        data = pickle.dumps(message, 3)
        assert len(data) < UNREGISTERED_BYTES
        with raw_client(("127.0.0.1", server.port), storage) as client:
            client.send(data)
            assert client.is_cut_off()
    require_usable(server)


def test_what_is_logged_of_a_registered_client_does_not_expand(server: Server) -> None:
    given = endless()
    for method, args in (
        ("tpc_abort", (given,)),
        ("tpc_begin", (given, b"", b"", {}, None, " ")),
        ("together", ([("storea", (b"", b"", b"", given))],)),
        ("together", ([(given, ())],)),
        ("pack", (given, False)),
    ):
        with raw_client(("127.0.0.1", server.port), "1") as client:
            client.say(method, *args)
            client.send(b"no pickle")
            assert client.is_cut_off()
    require_usable(server)


def test_nothing_is_named_twice_before_a_client_is_registered() -> None:
    twice = endless()
    with pytest.raises(RefusedMessage, match="GET before it is registered"):
        decode_first(pickle.dumps((1, False, "register", (twice, False)), 3))
    decode_first(pickle.dumps((1, False, "register", ("1", False)), 3))


def test_the_arguments_of_requests_are_plain() -> None:
    require_scalars("storea", (b"oid", b"serial", b"data", 1))
    require_scalars("tpc_begin", (1, b"", b"", {"a": 1}))
    with pytest.raises(RefusedMessage, match="arguments of storea are neither texts nor numbers"):
        require_scalars("storea", (b"oid", b"serial", b"data", [1]))


# time


def test_who_does_not_register_is_cut_off_in_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_connections, "REGISTER_SECONDS", 0.5)
    with caplog.at_level(logging.WARNING), served(folder) as path:
        RawClient(path).close()  # one that goes by itself is not told of
        with raw_client(path, "1") as registered:
            idle = [RawClient(path) for _ in range(3)]
            silent = socket.socket(socket.AF_UNIX)
            silent.connect(path)
            half = RawClient(path)
            half.socket.sendall(struct.pack(">I", 100))
            assert all(client.is_cut_off() for client in (*idle, half))
            silent.settimeout(SECONDS)
            while silent.recv(100):
                pass
            assert registered.ask("ping") is None
        for client in (*idle, half, silent):
            client.close()
    lines = [line for line in caplog.messages if "has not registered within" in line]
    assert len(lines) == 5


# msgpack, where a server's configuration asks for it


@pytest.fixture
def refused() -> list[str]:
    pytest.importorskip("msgpack")
    return []


def reader(refused: list[str]) -> MessageReader:
    return MessageReader(b"M5", METHODS, refused.append)


def packed(*message: Any) -> bytes:
    import msgpack

    return msgpack.packb(message)  # type: ignore[no-any-return]


def test_a_usual_packed_message_is_read(refused: list[str]) -> None:
    made = reader(refused)
    assert made.read(packed(1, False, "register", ("1", False)))[2:] == ("register", ("1", False))
    made.let_in({"load_many"})
    oids = [b"12345678"] * 500
    assert made.read(packed(1, False, "load_many", (oids, b"12345678")))[3][0] == tuple(oids)
    assert not refused


@pytest.mark.parametrize("is_registered", [False, True], ids=["unregistered", "registered"])
def test_packed_messages_have_bounds(refused: list[str], is_registered: bool) -> None:
    import msgpack

    made = reader(refused)
    if is_registered:
        made.let_in(METHODS)
    head = b"\x94\x01\xc2\xa8register"
    for more in (
        b"\x92" * 5000,  # deep
        msgpack.packb((msgpack.ExtType(1, b"x"), False)),
        msgpack.packb((msgpack.Timestamp(1, 1), False)),
        b"\xdd\xff\xff\xff\xff",  # a list of four billion
    ):
        made.read(head + more)
    assert len(refused) == 4


def test_a_packed_message_cannot_ask_for_a_lot_with_few_bytes(refused: list[str]) -> None:
    made = reader(refused)
    wide = b"\xdc\x3f\x00"  # a list of 16,128: a place for each of them, at each of 500 levels
    made.read(b"\x94\x01\xc2\xa8register" + wide * 500 + bytes(UNREGISTERED_BYTES - 1600))
    [why] = refused
    assert "exceeds max_array_len" in why
