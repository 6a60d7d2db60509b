"""The connections of clients: what arrives is read as far as its sender is known, in time.

Whoever connects has little time to register, and may send little until then, so that strangers
neither fill the server's memory nor hold all of its descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from ZEO.asyncio.server import Acceptor, ServerProtocol

from zcasync.keepalive import keep_alive
from zcasync.text import cut, printable
from zcasync.unix_sockets import peer_of
from zcasync.zeo.client_messages import UNREGISTERED_BYTES, MessageReader

log = logging.getLogger(__name__)

#: The time that a connection has to register; real clients do it at once.
REGISTER_SECONDS = 30.0
#: A client at a port whose machine is gone for so long is forgotten.
GONE_SECONDS = 120.0
#: What monitors say instead of a protocol; they are told the numbers of the server, and no more.
STATUS = b"ruok"
#: Of a client's message, characters in the log.
SHOWN_CHARACTERS = 200


class ClientConnection(ServerProtocol):  # type: ignore[misc]
    """The connection of one client; made in the thread of the server's loop."""

    data_received: Callable[[bytes], None]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loop_thread = threading.get_ident()
        self._left = UNREGISTERED_BYTES
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Announce the protocol, and read what comes before the client is registered."""
        super().connection_made(transport)
        if isinstance(transport.get_extra_info("peername"), tuple):
            keep_alive(transport.get_extra_info("socket"), GONE_SECONDS)
        self._read = self.data_received
        self.data_received = self._read_first
        why = f"it has not registered within {REGISTER_SECONDS:.0f} seconds"
        self._patience = self.loop.call_later(REGISTER_SECONDS, self._refuse, why)

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that the other end is gone."""
        self._wait_no_more()
        super().connection_lost(error)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _read_first(self, data: bytes) -> None:
        """Read what comes before the client is registered, which is not much."""
        self._left -= len(data)
        if self._left < 0:
            self._refuse("it sends much and does not register")
        else:
            self._read(data)

    def finish_connection(self, protocol_version: bytes) -> None:
        """Begin with the protocol that was announced; end with any other one."""
        if protocol_version not in (self.announce_protocol, STATUS):
            self._refuse(f"it answers with the protocol {protocol_version!r}")
            return
        super().finish_connection(protocol_version)
        if protocol_version != STATUS:
            self._reader = MessageReader(protocol_version, self.methods, self._refuse)
            self.decode = self._reader.read

    def let_in(self, methods: set[str]) -> None:
        """Let the client, which is registered, call these methods."""
        self._wait_no_more()
        self.methods = methods
        self._reader.let_in(methods)
        self.data_received = self._read

    def _refuse(self, why: str) -> None:
        if not self.closed:
            cut_off(self.sm_protocol.transport, why)
            self.close()

    def close(self) -> None:
        """Close it, and abort what its client was committing.  Safe to repeat."""
        self._wait_no_more()
        handler, was_closed = self.zeo_storage, self.closed
        super().close()
        if not was_closed and handler.connected:
            handler.notify_disconnected()

    def async_threadsafe(self, method: str, *args: Any) -> None:
        """Send to the client at once, and so in the order of the calls, in the loop's thread."""
        if threading.get_ident() == self._loop_thread:
            self.call_async(method, args)
        else:
            super().async_threadsafe(method, *args)


class ClientAcceptor(Acceptor):  # type: ignore[misc]
    """The acceptor of the connections of clients."""

    server: asyncio.AbstractServer

    def factory(self) -> ClientConnection:
        """Return the connection of the next client."""
        try:
            handler = self.storage_server.create_client_handler()
            return ClientConnection(self.event_loop, self.addr, handler, self.msgpack)
        except Exception:
            log.exception("a client cannot be served")
            raise

    def listen_anew(self, path: str, listens: Callable[[], None]) -> None:
        """Listen at a unix socket in place of the one before, whose file is gone.

        Clients stay connected.  ``listens()`` is called when others can connect.  In the thread of
        the loop, and where the umask closes files to others.  Raises OSError.
        """
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(path)
            os.chmod(path, 0o600)
        except OSError:
            listening.close()
            raise
        before, self.addr = self.server, path

        async def serve() -> None:
            self.server = await self.event_loop.create_unix_server(self.factory, sock=listening)
            before.close()
            listens()

        self._anew = self.event_loop.create_task(serve())


def cut_off(transport: Any, why: str) -> None:
    """Say in the log whose connection ends, and why."""
    log.warning("%s is cut off: %s", peer(transport), printable(cut(why, SHOWN_CHARACTERS)))


def peer(transport: Any) -> str:
    """Return a name for the other end of a connection, for people."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return f"client {printable(str(name[0]))}:{name[1]}"
    connected = transport.get_extra_info("socket")
    found = None if connected is None else peer_of(connected)
    return "a client" if found is None else f"client of process {found.pid}, user {found.uid},"
