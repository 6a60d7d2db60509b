"""The messages of clients, read so that none can name code of this process.

ZEO's messages are pickles, and its server lets them call whatever ``builtins`` has: one message,
sent before a client has even said which storage it wants, runs any code as the server's user.  Here
a message holds plain values and nothing else.  A client that sends anything else is cut off.

Whoever has not registered yet may send little, and only what cannot ask for more memory than it is
long itself.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from typing import Any

from zcasync.zeo.plain_values import decode

#: All that a client may send before it is registered, bytes; a real one needs about a hundred.
UNREGISTERED_BYTES = 16 * 1024
#: What the message of a client that is not registered is made of.  Nothing in it is there twice:
#: a list of a list of a list, each named twice, is short, and endless for whoever walks along it.
PLAIN = {
    "PROTO", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPUT", "UNICODE",
    "BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
#: No tuple in such a message is longer; it has four parts, and a registration two arguments.
UNREGISTERED_PARTS = 8
#: What arguments are made of, but for those of NESTED: these can be logged, and compared.
SCALARS = frozenset([type(None), bool, int, float, bytes, str])
#: The methods with lists or dictionaries among their arguments.
NESTED = frozenset(["together", "load_many", "tpc_begin", "undoInfo", "iterator_gc"])
#: The number of a message that only keeps a connection alive.
KEEP_ALIVE = -1
#: What a message that is not to be acted upon is replaced by.
NOTHING = (KEEP_ALIVE, True, "", ())

#: Its number, whether it needs no answer, the name of a method, and the arguments.
Message = tuple[int, bool, str, tuple[Any, ...]]


class RefusedMessage(Exception):
    """A message that no client has a reason to send."""


def require_scalars(method: str, args: Iterable[Any]) -> None:
    """Raise RefusedMessage for arguments of kinds that this method has no use for."""
    if method not in NESTED and not SCALARS.issuperset(map(type, args)):
        raise RefusedMessage(f"arguments of {method} are neither texts nor numbers")


def decode_first(data: bytes) -> Any:
    """Return what the pickle of a client that is not registered holds.

    Raises RefusedMessage for one that could take more memory than it is long itself.
    """
    for operation, _, _ in pickletools.genops(data):
        if operation.name not in PLAIN:
            raise RefusedMessage(f"{operation.name} before it is registered")
    return decode(data)


def decode_packed(data: bytes, **limits: int) -> Any:
    """Return what msgpack holds, without types of anybody's own.

    Raises ValueError for it, for what lies too deep, and for more than ``limits`` allow.
    """
    unpackb = import_module("msgpack").unpackb  # there only where a server's configuration has it
    return unpackb(data, raw=False, use_list=False, max_ext_len=0, **limits)


def decode_first_packed(data: bytes) -> Any:
    """Return what msgpack of a client that is not registered holds.

    Raises ValueError for one that could take much more memory than it is long itself.
    """
    return decode_packed(data, max_array_len=UNREGISTERED_PARTS, max_map_len=0)


class MessageReader:
    """Reads the messages of one connection, pickles or (``protocol`` M) msgpack.

    ``methods``: what the client may call before it is registered.  ``refused(why)`` is called for a
    message that must not be there; it is read as :data:`NOTHING`.
    """

    def __init__(
        self, protocol: bytes, methods: Collection[str], refused: Callable[[str], None]
    ) -> None:
        is_pickle = protocol[:1] == b"Z"
        self._registered = decode if is_pickle else decode_packed
        self._decode = decode_first if is_pickle else decode_first_packed
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
            if type(name) is not str or type(args) is not tuple:
                raise RefusedMessage("it is no call")
            if name not in self._methods:
                raise RefusedMessage(f"it calls {name!r}")
            require_scalars(name, args)
        except Exception as error:  # whatever a malformed message makes a decoder raise
            self._refused(f"{type(error).__name__}: {error}")
            return NOTHING
        return message_id, is_async, name, args
