"""What a ZEO client remembers of servers that it does not trust."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ZEO.asyncio.client import Protocol

from zcasync.errors import ConfigurationError
from zcasync.zeo import peers
from zcasync.zeo.peers import CheckedProtocol, CheckingClientIO, why_not_connected


class Client(CheckingClientIO):
    """ZEO's part of a client, which connects when the test says so."""

    def __init__(self) -> None:
        self.protocol = None
        self.protocols = ()
        self.tries: list[float] = []
        self.loop: Any = SimpleNamespace(call_later=lambda pause, call: self.tries.append(pause))


class Connecting:
    """A client and the server at its socket, whose user is trusted or not."""

    def __init__(self, path: Path, connected: socket.socket) -> None:
        self.client = Client()
        self.is_trusted = True
        self._path, self._socket = path, connected

    def require(self, *_: object) -> None:
        if not self.is_trusted:
            raise ConfigurationError("a process of another user answers")

    def connect(self, is_trusted: bool) -> None:
        """A connection is made."""
        self.is_trusted = is_trusted
        protocol: Any = CheckedProtocol.__new__(CheckedProtocol)
        protocol.client, protocol.addr = self.client, str(self._path)
        protocol.close = lambda error: None
        protocol.connection_made(SimpleNamespace(get_extra_info=lambda name: self._socket))

    @property
    def why(self) -> str | None:
        storage = SimpleNamespace(_server=SimpleNamespace(client=self.client))
        return why_not_connected(storage)


@pytest.fixture
def connecting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connecting]:
    monkeypatch.setattr(Protocol, "connection_made", lambda self, transport: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = Connecting(folder / "zeo.sock", ours)
        monkeypatch.setattr(peers, "require_trusted_peer", made.require)
        yield made


def test_a_server_that_is_trusted_makes_up_for_one_that_was_not(
    connecting: Connecting, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a client that waits for its server later gives a reason that is long gone."""
    for _ in range(2):
        connecting.connect(is_trusted=False)
    assert connecting.why == "a process of another user answers"
    assert len(caplog.messages) == 1
    connecting.connect(is_trusted=True)
    assert connecting.why is None
    connecting.connect(is_trusted=False)
    assert connecting.why is not None
    assert len(caplog.messages) == 2, "it is news again"
