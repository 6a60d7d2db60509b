"""The trust of a ZEO client in the process that answers at its server's unix socket.

Checked on each connection, before anything that arrives on it is loaded.  TCP is left to TLS, and
a server that refuses this client's certificate is not asked again at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ZEO.asyncio.client import ClientThread, Protocol

from zcasync.errors import ConfigurationError
from zcasync.unix_sockets import require_trusted_folder, require_trusted_peer
from zcasync.zeo.history import ComparingClientIO, let_compare
from zcasync.zeo.tls_refusals import NOT_TAKEN

#: Returns where the server's socket is now.
Locate = Callable[[], str]

log = logging.getLogger(__name__)

#: After a server that is not trusted, seconds.
RETRY_SECONDS = 5.0


class CheckedProtocol(Protocol):  # type: ignore[misc]
    """A connection that is closed before it is read where another user's process answers."""

    @property
    def addr(self) -> Any:
        """Where the server is now, which is asked again before each try."""
        locate = None if self.client is None else self.client.locate
        return self.__dict__["addr"] if locate is None else locate()

    @addr.setter
    def addr(self, address: Any) -> None:
        self.__dict__["addr"] = address

    def connection_made(self, transport: Any) -> None:
        """Begin to talk, or give the connection up."""
        client, address = self.client, self.addr
        super().connection_made(transport)
        if isinstance(address, str):
            try:
                require_trusted_folder(address, client.owner)
                require_trusted_peer(transport.get_extra_info("socket"), address, client.owner)
            except (ConfigurationError, OSError) as error:
                self.close(error)
                client.distrust(str(error))
            else:
                client.distrusted = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Try again at once, or later where TLS was not finished: the next try ends as this one."""
        client = self.client
        is_refused = self.ssl is not None and self.protocol_version is None and not self.closed
        if is_refused:
            self.close(exc)
        super().connection_lost(exc)
        if is_refused:
            client.distrust(NOT_TAKEN)


class CheckingClientIO(ComparingClientIO):
    """ZEO's part of a client that connects, with such connections.

    ``distrusted``: why the last server was not trusted; None where it was.
    """

    locate: Locate | None = None
    owner: int | None = None
    distrusted: str | None = None
    _retry: asyncio.TimerHandle | None = None

    def check_connections(self) -> None:
        """Let connections that have only been asked for be checked.  In the network's thread."""
        for protocol in self.protocols:
            protocol.__class__ = CheckedProtocol

    def try_connecting(self) -> None:
        """Try to connect, unless that was given up."""
        super().try_connecting()
        self.check_connections()

    def distrust(self, why: str) -> None:
        """Try again later; log that only once."""
        if why != self.distrusted:
            log.error("%s", why)
        self.distrusted = why
        if self.protocol is None and all(one.closed for one in self.protocols):
            self._retry = self.loop.call_later(RETRY_SECONDS, self.try_connecting)


class CheckingThread(ClientThread):  # type: ignore[misc]
    """The network's thread of such a client.

    ``locate``: None where the server never moves; ``owner``: of the home that it is of, if any.
    """

    def __init__(
        self, *args: Any, locate: Locate | None = None, owner: int | None = None, **options: Any
    ) -> None:
        self._locate, self._owner = locate, owner
        super().__init__(*args, **options)

    def setup_delegation(self, loop: Any) -> None:
        """Make ZEO's part of the client, which connects when this thread's loop runs."""
        super().setup_delegation(loop)
        let_compare(self.client, CheckingClientIO)
        self.client.locate, self.client.owner = self._locate, self._owner
        self.client.check_connections()


def why_not_connected(storage: Any) -> str | None:
    """Return why the server of a client that is not connected is not trusted; None where it is."""
    client = getattr(getattr(storage, "_server", None), "client", None)
    return client.distrusted if isinstance(client, CheckingClientIO) else None
