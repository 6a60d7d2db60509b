"""One operator's connection to the control socket: who it is, what it may send, and how much.

Who acts is taken from the kernel.  A connection that sends what makes no sense, too much, or
nothing for a while, costs the supervisor a line in its log and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from zcasync import clock
from zcasync.job.ids import hex_oid
from zcasync.protocol import control
from zcasync.protocol.actor import actor_name
from zcasync.supervisor.children.generations import Reload, Stage
from zcasync.unix_sockets import ROOT, Peer, peer_of
from zcasync.users import user_name

log = Logger()

#: So many operators are heard at once.
CONNECTIONS = 32
#: A connection may go so long without a whole message.
IDLE_SECONDS = 30.0
#: A message may take so many bytes.
MESSAGE_BYTES = 1024 * 1024
#: Complaints of one kind are logged so often at most.
COMPLAINT_SECONDS = 10.0


def no_reload() -> Reload:
    """Return the refusal of who has no children to replace."""
    return Reload(0, clock.now(), Stage.FAILED, "there are no children to replace")


@dataclass(frozen=True)
class Operations:
    """The operations that an operator can have done.

    ``cancel(oid, who)`` returns '' or the reason why that cannot be done; ``progress(oid)`` the
    last report of a job that runs, as data, None: there is none.  ``reload()`` begins a reload.
    """

    status: Callable[[], dict[str, Any]]
    stop: Callable[[], None]
    cancel: Callable[[bytes, str], str]
    progress: Callable[[bytes], dict[str, Any] | None] = lambda oid: None
    reload: Callable[[], Reload] = no_reload


class ControlFactory(Factory):  # type: ignore[misc]
    """Makes the connections, as many as are heard at once, and says what is wrong with them."""

    noisy = False

    def __init__(self, reactor: IReactorTime, operations: Operations) -> None:
        self.reactor: Any = reactor
        self.operations = operations
        self.connections: set[ControlProtocol] = set()
        self._complaints: dict[str, tuple[float, int]] = {}  # when it was logged; not logged since

    def buildProtocol(self, addr: Any) -> ControlProtocol | None:
        """Return the connection of an operator; None where there are too many: it is closed."""
        if len(self.connections) >= CONNECTIONS:
            self.complain(f"more than {CONNECTIONS} connections", "the next ones are closed")
            return None
        made = ControlProtocol(self)
        self.connections.add(made)
        return made

    def complain(self, kind: str, why: str) -> None:
        """Log what is wrong, of each kind once in a while."""
        now = self.reactor.seconds()
        when, missed = self._complaints.get(kind, (float("-inf"), 0))
        if now - when < COMPLAINT_SECONDS:
            self._complaints[kind] = (when, missed + 1)
            return
        self._complaints[kind] = (now, 0)
        more = f" ({missed} more like this before)" if missed else ""
        log.warn("control socket: {kind}: {why}{more}", kind=kind, why=why, more=more)


class ControlProtocol(amp.AMP, TimeoutMixin):  # type: ignore[misc]
    """Answers one operator."""

    transport: Any

    def __init__(self, factory: ControlFactory) -> None:
        super().__init__()
        self._operations = factory.operations
        self._owner = factory
        self._peer: Peer | None = None
        self._unparsed = 0  # bytes of a message that is not whole yet
        self._is_dropped = False
        self._pieces: list[bytes] = []

    # the connection

    def connectionMade(self) -> None:
        """Hear the operator, where it is this user or root."""
        super().connectionMade()
        self._peer = peer_of(self.transport.getHandle())
        if self._peer is not None and self._peer.uid not in (os.geteuid(), ROOT):
            self._drop("a connection of another user is closed")
            return
        # Where answers are not read, no further message is.
        self.transport.registerProducer(self, True)
        self.setTimeout(IDLE_SECONDS)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another one."""
        self.setTimeout(None)
        self._owner.connections.discard(self)
        super().connectionLost(reason)

    def callLater(self, period: float, func: Callable[[], None]) -> Any:
        """Return the call of ``func`` that will be made by the supervisor's own clock."""
        return self._owner.reactor.callLater(period, func)

    def timeoutConnection(self) -> None:
        """Close it: it has sent no whole message for a while."""
        self._drop(f"no message within {IDLE_SECONDS:g} s, the connection is closed")

    def dataReceived(self, data: bytes) -> None:
        """Take a part of a message."""
        if self._is_dropped:
            return
        self._unparsed += len(data)
        if self._unparsed > MESSAGE_BYTES:
            self._drop(f"a message of more than {MESSAGE_BYTES} bytes, the connection is closed")
        else:
            super().dataReceived(data)

    def lengthLimitExceeded(self, length: int) -> None:
        """Close it: that is no message."""
        self._drop("what is sent is no message, the connection is closed")

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Take a whole message."""
        if self._is_dropped:
            return
        self._unparsed = 0
        self.resetTimeout()
        if amp.COMMAND not in box or amp.ANSWER in box or amp.ERROR in box:
            self._drop("a message is no command, the connection is closed")
        else:
            super().ampBoxReceived(box)

    def dispatchCommand(self, box: amp.AmpBox) -> Any:
        """Do what a message asks for; answer one that makes no sense with an error."""
        try:
            control.require_sense(box)
        except control.BadMessage as error:
            self._owner.complain("a message is refused", f"{error}, sent by {self._described}")
            is_question = amp.ASK in box
            return fail(_refusal(str(error))) if is_question else succeed(None)
        return super().dispatchCommand(box)

    def _drop(self, kind: str) -> None:
        self._is_dropped = True
        self._owner.complain(kind, self._described)
        self.transport.abortConnection()

    @property
    def _described(self) -> str:
        """The process at the other end, for the log."""
        if self._peer is None:
            return "a process"
        return f"process {self._peer.pid} of {user_name(self._peer.uid)}"

    # the answers

    @control.Status.responder
    def answer_status(self, piece: int) -> dict[str, Any]:
        if piece == 0:
            self._pieces = control.pieces(self._operations.status())
        if piece >= len(self._pieces):
            raise _refusal(f"there is no piece {piece} of {len(self._pieces)}")
        return {"text": self._pieces[piece], "more": piece + 1 < len(self._pieces)}

    @control.Stop.responder
    def answer_stop(self, who: str | None = None) -> dict[str, Any]:
        log.info("{who} stops the supervisor", who=self._actor(who or ""))
        self._operations.stop()
        return {"pid": os.getpid()}

    @control.Reload.responder
    def answer_reload(self, who: str) -> dict[str, Any]:
        log.info("{who} has the children replaced", who=self._actor(who))
        begun = self._operations.reload()
        return {"generation": begun.generation, "problem": begun.problem or ""}

    @control.Cancel.responder
    def answer_cancel(self, oid: bytes, who: str) -> dict[str, Any]:
        log.info("{who} cancels job {job}", who=self._actor(who), job=hex_oid(oid))
        name = self._name(who)
        return {"problem": self._operations.cancel(oid, name), "who": name}

    @control.Progress.responder
    def answer_progress(self, oid: bytes) -> dict[str, Any]:
        return {"text": json.dumps(self._operations.progress(oid)).encode()}

    def _name(self, claim: str) -> str:
        """Return the name of the operator; where the kernel tells none only this user can be it."""
        return actor_name(os.geteuid() if self._peer is None else self._peer.uid, claim)

    def _actor(self, claim: str) -> str:
        pid = "" if self._peer is None else f", process {self._peer.pid},"
        return f"{self._name(claim)}{pid}"


def _refusal(why: str) -> amp.RemoteAmpError:
    return amp.RemoteAmpError(control.BAD_MESSAGE, why)
