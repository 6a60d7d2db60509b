"""The messages of clients, read so that none can name code of this process.

ZEO's messages are pickles, and its server lets them call whatever ``builtins`` has: one message,
sent before a client has even said which storage it wants, runs any code as the server's user.  Here
a message holds plain values and nothing else.  A client that sends anything else is cut off.

Whoever has not registered yet may send little, and only what cannot ask for more memory than it is
long itself.
"""

from __future__ import annotations

import logging
import pickletools
import socket
import struct
from collections.abc import Callable, Collection
from typing import Any

from ZEO.asyncio.marshal import server_decoder

from zcasync.text import cut, printable
from zcasync.zeo.plain_values import decode

log = logging.getLogger(__name__)

#: All that a client may send before it is registered, bytes; a real one needs about a hundred.
UNREGISTERED_BYTES = 16 * 1024
#: What the message of a client that is not registered is made of.
PLAIN = {
    "PROTO", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPUT", "BINGET", "UNICODE",
    "BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
#: The number of a message that only keeps a connection alive.
KEEP_ALIVE = -1
#: What a message that is not to be acted upon is replaced by.
NOTHING = (KEEP_ALIVE, True, "", ())
#: Of a client's message, characters in the log.
SHOWN_CHARACTERS = 200

#: Its number, whether it needs no answer, the name of a method, and the arguments.
Message = tuple[int, bool, str, tuple[Any, ...]]


class RefusedMessage(Exception):
    """A message that no client has a reason to send."""


def decode_first(data: bytes) -> Any:
    """Return what the pickle of a client that is not registered holds.

    Raises RefusedMessage for one that could take more memory than it is long itself.
    """
    for operation, _, _ in pickletools.genops(data):
        if operation.name not in PLAIN:
            raise RefusedMessage(f"{operation.name} before it is registered")
    return decode(data)


class MessageReader:
    """Reads the messages of one connection, pickles or (``protocol`` M) msgpack.

    ``methods``: what the client may call before it is registered.  ``refused(why)`` is called for a
    message that must not be there; it is read as :data:`NOTHING`.
    """

    def __init__(
        self, protocol: bytes, methods: Collection[str], refused: Callable[[str], None]
    ) -> None:
        is_pickle = protocol[:1] == b"Z"
        self._registered = decode if is_pickle else server_decoder(protocol)
        self._decode = decode_first if is_pickle else self._registered
        self._methods = methods
        self._refused = refused

    def let_in(self, methods: Collection[str]) -> None:
        """Read what a registered client may send: calls of these methods, of any size."""
        self._methods = methods
        self._decode = self._registered

    def read(self, data: bytes) -> Message:
        """Return the message."""
        try:
            message_id, is_async, name, args = self._decode(data)
            if message_id == KEEP_ALIVE:
                return NOTHING
            if type(name) is not str or name not in self._methods or type(args) is not tuple:
                raise RefusedMessage(f"it calls {name!r}")
        except Exception as error:  # whatever a malformed message makes a decoder raise
            self._refused(f"{type(error).__name__}: {error}")
            return NOTHING
        return message_id, is_async, name, args


def cut_off(transport: Any, why: str) -> None:
    """Say in the log whose connection ends, and why."""
    log.warning("%s is cut off: %s", peer(transport), printable(cut(why, SHOWN_CHARACTERS)))


def peer(transport: Any) -> str:
    """Return a name for the other end of a connection, for people."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return f"client {printable(str(name[0]))}:{name[1]}"
    found = transport.get_extra_info("socket")
    if found is None or not hasattr(socket, "SO_PEERCRED"):
        return "a client"
    layout = "3i"
    data = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(layout))
    pid, uid, _ = struct.unpack(layout, data)
    return f"client of process {pid}, user {uid},"
