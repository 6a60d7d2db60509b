"""The heartbeat of a ZEO client: a connection whose server is gone without a word is given up.

A machine that loses its power, or a firewall that forgets a connection, ends it for one side only:
the other one waits for an answer until the kernel gives up, which takes a quarter of an hour, or
for ever where it only listens.  So a client that hears nothing asks its server for something, and
connects anew where that is not answered in time; whoever waits for the old connection gets a
ClientDisconnected, as from a server that has ended.  The kernel is told to look, too, for a process
that cannot: its network thread gets no turn while code of a job keeps the interpreter's lock.

Only silence counts.  A server answers a ping while it packs, while a commit waits for another one,
and while it reads the log for an undo; a long answer, or a large commit on its way, is no silence
as long as any of it passes.  Time in which this process did not run counts as one look.

What answers at a unix socket is a process of this machine, whose end the kernel tells: one that is
silent is frozen, or busy, and is waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import struct
import termios
from collections.abc import Callable, Iterator
from typing import Any

from ZEO.ClientStorage import ClientStorage

from zcasync.keepalive import end_unacknowledged, keep_alive
from zcasync.zeo.history import ComparingClientIO, compare_at_connect

log = logging.getLogger(__name__)

#: A client looks so often within the time that a server has for the answer.
LOOKS = 5
#: So many looks without a word are too many: a ping goes out at the first, and then has its time.
SILENT_LOOKS = LOOKS + 1
#: The same for a connection that is only asked for, and for one that was made when the server has
#: not said its first word.  They are short, so that a server that is back is found soon.
CONNECTING_LOOKS = 3
GREETING_LOOKS = 2
#: The request that a server answers at once, whatever storage it has.
PING = "lastTransaction"


def watch_servers(db: Any, seconds: float) -> None:
    """Let the ZEO clients of a database and of those beside it have a heartbeat.

    ``seconds``: the time that a server has for an answer; 0: as long as it takes.  A server that is
    gone is noticed within 1.4 times that.
    """
    compare_at_connect(db)
    for one in db.databases.values():
        runner = one.storage._server if isinstance(one.storage, ClientStorage) else None
        if seconds and runner is not None and isinstance(runner.client, ComparingClientIO):
            runner.loop.call_soon_threadsafe(begin, runner.client, seconds)


def begin(client: ComparingClientIO, seconds: float) -> None:
    """Let one client have a heartbeat, unless it has; in the network's thread."""
    if client.heartbeat is None:
        client.heartbeat = Heartbeat(client, seconds)
        client.heartbeat.look()


class Heartbeat:
    """The heartbeat of one client; works in the network's thread, until that ends."""

    def __init__(self, client: Any, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._lines: dict[Any, Line] = {}  # by protocol

    def look(self) -> None:
        """Look at all connections, and once more later."""
        client = self._client
        if client.closed:
            return
        client.loop.call_later(self._seconds / LOOKS, self.look)
        self._lines = {one: self._line(one) for one in self._protocols()}
        for line in list(self._lines.values()):
            self._look_at(line)

    def _protocols(self) -> Iterator[Any]:
        client = self._client
        for one in dict.fromkeys((client.protocol, *client.protocols)):
            if one is not None and not one.closed:
                yield one

    def _line(self, protocol: Any) -> Line:
        return self._lines.get(protocol) or Line(protocol, self._seconds)

    def _look_at(self, line: Line) -> None:
        line.look()
        is_in_use = self._client.operational and line.protocol is self._client.protocol
        if line.is_too_silent:
            self._tell(line)
            if line.can_be_half:
                self._give_up(line)
        elif is_in_use and not line.silent_looks:
            self._hears(line)
        elif is_in_use:
            line.ping()

    def _tell(self, line: Line) -> None:
        """Say once that a server is silent."""
        if self._client.silence is None:
            self._client.silence = f"{line.server} has not answered for {self._seconds:g} s"
            what = "is made anew" if line.can_be_half else "stays, as it lives or would have ended"
            log.warning("%s; the connection %s", self._client.silence, what)

    def _hears(self, line: Line) -> None:
        if self._client.silence is not None:
            log.warning("%s answers again", line.server)
            self._client.silence = None

    def _give_up(self, line: Line) -> None:
        """End a connection as its other end would, and make another one."""
        line.protocol.close(self._client.silence)
        if line.transport is not None:
            line.transport.abort()  # nobody takes what it still has to send
        self._client.disconnected(line.protocol)


class Line:
    """What is known of one connection; ``protocol``: ZEO's part of it.

    ``silent_looks``: so many looks in a row have found that nothing passes.
    """

    def __init__(self, protocol: Any, seconds: float) -> None:
        self.protocol = protocol
        self.transport: Any = None
        self.silent_looks = 0
        self._seconds = seconds
        self._passes = True
        self._unsent = 0
        self._asked: Any = None  # the future of a ping

    @property
    def can_be_half(self) -> bool:
        """Whether the other end can be gone while the kernel does not know."""
        return not isinstance(vars(self.protocol)["addr"], str)

    @property
    def server(self) -> str:
        """The server, for people."""
        address = vars(self.protocol)["addr"]
        where = address if isinstance(address, str) else f"{address[0] or '127.0.0.1'}:{address[1]}"
        return f"the database server at {where}"

    @property
    def is_too_silent(self) -> bool:
        """Whether nothing has passed for too long."""
        if self.transport is None:
            return self.silent_looks >= CONNECTING_LOOKS
        is_new = self.protocol.protocol_version is None
        return self.silent_looks >= (GREETING_LOOKS if is_new else SILENT_LOOKS)

    def look(self) -> None:
        """Note whether anything has passed since the last look."""
        connected = getattr(self.protocol.sm_protocol, "transport", None)
        if connected is not None and self.transport is None:
            self._attend(connected)
        unsent = 0 if connected is None else _unsent_bytes(connected)
        passes = self._passes or unsent < self._unsent
        self.silent_looks = 0 if passes else self.silent_looks + 1
        self._passes, self._unsent = False, unsent

    def ping(self) -> None:
        """Ask the server for something, unless it has not answered that yet."""
        if self._asked is None or self._asked.done():
            self._asked = self.protocol.server_call(PING)
            self._asked.add_done_callback(_forget)

    def _attend(self, transport: Any) -> None:
        """Hear of what passes from now on."""
        self.transport = transport
        self._passes = True
        protocol = self.protocol
        protocol.data_received = self._noting(protocol.data_received)
        protocol.resume_writing = self._noting(protocol.resume_writing)
        if self.can_be_half:
            connected = transport.get_extra_info("socket")
            keep_alive(connected, self._seconds)
            end_unacknowledged(connected, self._seconds)

    def _noting(self, call: Callable[..., None]) -> Callable[..., None]:
        def note(*args: Any) -> None:
            self._passes = True
            call(*args)

        return note


def _forget(asked: Any) -> None:
    """Take what a ping has brought, which is nothing: it was answered, or nobody is there."""
    if not asked.cancelled():
        asked.exception()


def _unsent_bytes(transport: Any) -> int:
    """Return how much of what was written has not arrived at the other machine, as far as known."""
    left = bytes(4)
    with contextlib.suppress(OSError, ValueError):  # it is just closed, or no such platform
        left = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, left)
    size: int = transport.get_write_buffer_size()
    return size + int(struct.unpack("i", left)[0])
