"""What a connection to the control socket may send, how much, how long, and who it is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.python.failure import Failure

from tests.support.scenes import Said
from zcasync.protocol.actor import actor_name
from zcasync.protocol.control import Cancel, Status, Stop
from zcasync.supervisor import control_protocol
from zcasync.supervisor.control_protocol import (
    COMPLAINT_SECONDS,
    CONNECTIONS,
    IDLE_SECONDS,
    MESSAGE_BYTES,
    ControlFactory,
    ControlProtocol,
    Operations,
)
from zcasync.unix_sockets import Peer

OID = b"\0" * 7 + b"\x2a"


class Transport(StringTransport):
    """A transport with a handle that the kernel knows."""

    def __init__(self, handle: socket.socket) -> None:
        super().__init__()
        self._handle = handle
        self.is_aborted = False

    def abortConnection(self) -> None:
        self.is_aborted = True

    def getHandle(self) -> socket.socket:
        return self._handle


class Desk:
    """A supervisor's side of the control socket, with a clock that a test moves."""

    def __init__(self, handle: socket.socket) -> None:
        self.clock = Clock()
        self.done: list[Any] = []
        self.status: dict[str, Any] = {"running": True}
        operations = Operations(lambda: self.status, lambda: self.done.append("stop"), self._cancel)
        self.factory = ControlFactory(self.clock, operations)
        self._handle = handle

    def _cancel(self, oid: bytes, who: str) -> str:
        self.done.append((oid, who))
        return ""

    def connect(self) -> ControlProtocol | None:
        """An operator's connection; None: it is closed at once."""
        made = self.factory.buildProtocol(None)
        if made is not None:
            made.makeConnection(Transport(self._handle))
        return made

    def ask(self, connected: ControlProtocol, **message: bytes) -> dict[bytes, bytes]:
        """Send a message with these keys; the answer, without its tag."""
        box = amp.AmpBox({b"_ask": b"1"})
        box.update({key.encode(): value for key, value in message.items()})
        connected.transport.clear()
        connected.dataReceived(box.serialize())
        [answer] = amp.parseString(connected.transport.value())
        return {key: value for key, value in answer.items() if value != b"1"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Desk(ours)


def close(connected: ControlProtocol) -> None:
    connected.connectionLost(Failure(ConnectionAborted()))


def is_closed(connected: ControlProtocol) -> bool:
    return bool(connected.transport.disconnecting or connected.transport.is_aborted)


def tracebacks(said: Said) -> list[Any]:
    return [event for event in said._events if "log_failure" in event]


@pytest.fixture
def connected(desk: Desk) -> ControlProtocol:
    made = desk.connect()
    assert made is not None
    return made


# what makes sense


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"_command": b"Dance"}, "there is no command Dance"),
        ({"_command": b"\x1b[2J"}, r"there is no command \x1b[2J"),
        ({"_command": b"Status"}, "Status needs the argument piece"),
        ({"_command": b"Status", "piece": b"many"}, "the arguments of Status: invalid literal"),
        ({"_command": b"Status", "piece": b"-1"}, "there is no piece -1"),
        ({"_command": b"Status", "piece": b"7"}, "there is no piece 7 of 0"),
        ({"_command": b"Status", "piece": b"9" * 60_000}, "the arguments of Status: Exceeds"),
        ({"_command": b"Stop", "now": b"1"}, "Stop has no argument now"),
        ({"_command": b"Cancel", "oid": b"", "who": b"x"}, "an oid has 8 bytes, not 0"),
        ({"_command": b"Cancel", "oid": b"1" * 9, "who": b"x"}, "an oid has 8 bytes, not 9"),
        ({"_command": b"Cancel", "oid": OID}, "Cancel needs the argument who"),
        ({"_command": b"Cancel", "oid": OID, "who": b"\xff"}, "the arguments of Cancel: 'utf-8'"),
    ],
    ids=str,
)
def test_a_message_that_makes_no_sense_is_answered_with_an_error_and_has_no_effect(
    desk: Desk, connected: ControlProtocol, said: Said, message: dict[str, bytes], why: str
) -> None:
    answer = desk.ask(connected, **message)
    assert answer[b"_error_code"] == b"BAD_MESSAGE"
    description = answer[b"_error_description"].decode()
    assert description.startswith(why)
    assert len(description) < 300
    assert desk.done == []
    assert not is_closed(connected)
    assert tracebacks(said) == []
    assert desk.ask(connected, _command=b"Status", piece=b"0")[b"more"] == b"False"


def test_a_message_that_makes_no_sense_is_logged_with_who_has_sent_it(
    desk: Desk, connected: ControlProtocol, said: Said
) -> None:
    desk.ask(connected, _command=b"Dance")
    (line,) = said.about("there is no command Dance")
    assert f"sent by process {os.getpid()} of " in line


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 1000,
        amp.AmpBox({b"nothing": b"known"}).serialize(),
        amp.AmpBox({b"_answer": b"1"}).serialize(),
        amp.AmpBox({b"_error": b"1"}).serialize(),
        b"\0\0",
    ],
)
def test_what_is_no_message_ends_the_connection_and_nothing_else(
    desk: Desk, connected: ControlProtocol, said: Said, data: bytes
) -> None:
    connected.dataReceived(data)
    assert is_closed(connected)
    connected.dataReceived(data)
    assert tracebacks(said) == []
    assert len(said.about("control socket: ")) == 1


def test_nobody_is_answered_who_wants_no_answer(desk: Desk, connected: ControlProtocol) -> None:
    connected.dataReceived(amp.AmpBox({b"_command": b"Dance"}).serialize())
    connected.dataReceived(amp.AmpBox({b"_command": b"Stop"}).serialize())
    assert connected.transport.value() == b""
    assert (desk.done, is_closed(connected)) == (["stop"], False)


# how much


def test_half_a_message_waits_for_the_other_half(desk: Desk, connected: ControlProtocol) -> None:
    data = amp.AmpBox({b"_command": b"Stop", b"_ask": b"1"}).serialize()
    connected.dataReceived(data[:9])
    assert desk.done == []
    connected.dataReceived(data[9:])
    assert desk.done == ["stop"]


def test_a_message_that_does_not_end_is_not_kept(
    desk: Desk, connected: ControlProtocol, said: Said
) -> None:
    sent = 0
    while not is_closed(connected):
        part = b"\0\x04%04d\xff\xff" % (sent // 65536) + b"x" * 0xFFFF
        connected.dataReceived(part)
        sent += len(part)
        assert sent < 2 * MESSAGE_BYTES
    assert sent > MESSAGE_BYTES
    assert len(said.about(f"more than {MESSAGE_BYTES} bytes")) == 1


def test_many_messages_may_be_more_than_that(desk: Desk, connected: ControlProtocol) -> None:
    message = amp.AmpBox({b"_command": b"Stop", b"_ask": b"1" * 60_000}).serialize()
    for _ in range(2 * MESSAGE_BYTES // len(message)):
        connected.transport.clear()
        connected.dataReceived(message)
    assert not is_closed(connected)


def test_a_connection_that_reads_no_answers_is_asked_no_more(
    desk: Desk, connected: ControlProtocol
) -> None:
    """As the transport says it is full after each answer."""
    connected.transport.producer.pauseProducing()
    connected.dataReceived(amp.AmpBox({b"_command": b"Stop", b"_ask": b"1"}).serialize() * 3)
    assert desk.done == []
    connected.transport.producer.resumeProducing()
    assert desk.done == ["stop"] * 3


# how long, how many


def test_an_idle_connection_is_closed(desk: Desk, connected: ControlProtocol, said: Said) -> None:
    desk.clock.advance(IDLE_SECONDS - 1)
    assert not is_closed(connected)
    desk.ask(connected, _command=b"Status", piece=b"0")
    desk.clock.advance(IDLE_SECONDS - 1)
    connected.dataReceived(b"\0")  # no whole message
    assert not is_closed(connected)
    desk.clock.advance(1)
    assert is_closed(connected)
    assert len(said.about("no message within 30 s")) == 1
    close(connected)
    assert desk.clock.getDelayedCalls() == []


def test_one_connection_too_many_is_closed_at_once(desk: Desk, said: Said) -> None:
    made = [desk.connect() for _ in range(CONNECTIONS)]
    assert None not in made
    for _ in range(5):
        assert desk.connect() is None
    assert len(said.about(f"more than {CONNECTIONS} connections")) == 1, "and not a line for each"
    desk.clock.advance(COMPLAINT_SECONDS)
    assert desk.connect() is None
    assert "(4 more like this before)" in said.about("more than")[1]
    assert made[0] is not None
    close(made[0])
    assert desk.connect() is not None


# who


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_this_user_and_root_are_heard(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    monkeypatch.setattr(control_protocol, "peer_of", lambda handle: Peer(uid, 4711))
    made = desk.connect()
    assert made is not None
    assert desk.ask(made, _command=b"Cancel", oid=OID, who=b"")[b"who"] == actor_name(uid).encode()


def test_another_user_is_not_heard(desk: Desk, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_protocol, "peer_of", lambda handle: Peer(12345, 4711))
    made = desk.connect()
    assert made is not None
    assert is_closed(made)
    made.dataReceived(amp.AmpBox({b"_command": b"Stop"}).serialize())
    assert desk.done == []
    assert len(said.about("of another user is closed: process 4711 of uid 12345")) == 1


def test_who_acts_is_the_user_of_the_connection_whatever_the_message_says(
    desk: Desk, connected: ControlProtocol, said: Said
) -> None:
    claim = "mallory\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 500
    desk.ask(connected, _command=b"Cancel", oid=OID, who=claim.encode())
    desk.ask(connected, _command=b"Stop", who=b"jane")
    (oid, who), _ = desk.done
    assert oid == OID
    assert who.startswith(f"{actor_name(os.geteuid())} (said to be mallory\\x1b[2J\\u202e")
    assert who.isprintable()
    assert len(who) < 400
    (cancels,) = said.about("cancels job 0x2a")
    (stops,) = said.about("stops the supervisor")
    for line in (cancels, stops):
        assert actor_name(os.geteuid()) in line
        assert f"process {os.getpid()}" in line
    assert "(said to be jane)" in stops


def test_who_says_what_the_kernel_says_is_named_once() -> None:
    name = actor_name(os.geteuid())
    user = name.partition("@")[0]
    assert [actor_name(os.geteuid(), claim) for claim in ("", user, name)] == [name] * 3


def test_the_commands_are_those_that_the_client_knows() -> None:
    assert {one.commandName for one in (Status, Stop, Cancel)} == {b"Status", b"Stop", b"Cancel"}
