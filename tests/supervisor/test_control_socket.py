"""Operators speak to a supervisor over a real unix socket."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.protocols import amp
from twisted.python.failure import Failure

from tests.support.other_users import only_root
from tests.support.strangers import stranger_at
from zcasync.errors import NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.protocol.actor import actor_name
from zcasync.protocol.control import Cancel, Stop
from zcasync.protocol.control_client import ControlClient
from zcasync.supervisor import control_protocol
from zcasync.supervisor.control_protocol import Operations
from zcasync.supervisor.control_socket import ControlSocket
from zcasync.testing.waiting import TIMEOUT_SECONDS


class Controlled:
    """A control socket of a reactor of its own, which runs while an operator asks."""

    def __init__(self, home: Home) -> None:
        home.create()
        self.path = home.control_socket
        self.status: dict[str, Any] = {"running": True}
        self.asked = 0
        self.stopped = 0
        self.cancelled: list[tuple[bytes, str]] = []
        self.reactor: Any = SelectReactor()
        operations = Operations(self._status, self._stop, self._cancel)
        self.socket = ControlSocket(self.reactor, home, operations)
        self.socket.start()

    def _status(self) -> dict[str, Any]:
        self.asked += 1
        return self.status

    def _stop(self) -> None:
        self.stopped += 1

    def _cancel(self, oid: bytes, who: str) -> str:
        self.cancelled.append((oid, who))
        return "" if "jane" in who else "not yours"

    def ask(self, question: Callable[[ControlClient], Any]) -> Any:
        """An operator in another thread asks one thing."""
        answers: list[Any] = []

        def operate() -> None:
            try:
                client = ControlClient(self.path, TIMEOUT_SECONDS)
                with contextlib.closing(client):
                    answers.append(question(client))
            except Exception as error:  # whatever it is: raised below, in the test's thread
                answers.append(error)

        thread = threading.Thread(target=operate, daemon=True)
        thread.start()
        while thread.is_alive():
            self.reactor.iterate(0.01)
        (answer,) = answers
        if isinstance(answer, Exception):
            raise answer
        return answer

    def iterate_until(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < until
            self.reactor.iterate(0.01)

    def close(self) -> None:
        self.socket.stop()
        self.reactor.disconnectAll()
        self.reactor.iterate(0)
        self.reactor.waker.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def controlled(folder: Path) -> Iterator[Controlled]:
    made = Controlled(Home(folder))
    yield made
    made.close()


def test_the_status_is_what_the_supervisor_says(controlled: Controlled) -> None:
    assert controlled.ask(lambda client: client.status()) == {"running": True}


def test_a_long_status_comes_in_pieces_of_one_moment(controlled: Controlled) -> None:
    controlled.status = {"children": [{"job": f"0x{number:x}ü"} for number in range(20_000)]}

    assert controlled.ask(lambda client: client.status()) == controlled.status
    assert controlled.asked == 1


def test_a_connection_can_be_asked_again_and_gets_what_is_new(controlled: Controlled) -> None:
    def ask_twice(client: ControlClient) -> list[Any]:
        first = client.status()
        controlled.status = {"running": False}
        return [first, client.status()]

    assert controlled.ask(ask_twice) == [{"running": True}, {"running": False}]


def test_a_stop_is_answered_with_the_pid(controlled: Controlled) -> None:
    assert controlled.ask(lambda client: client.call(Stop)) == {"pid": os.getpid()}
    assert controlled.stopped == 1


def test_a_cancel_names_the_job_and_the_operator(controlled: Controlled) -> None:
    answers = [
        controlled.ask(lambda client, who=who: client.call(Cancel, oid=b"\0" * 8, who=who))
        for who in ("jane", "jöe")
    ]

    names = [actor_name(os.geteuid(), who) for who in ("jane", "jöe")]
    assert answers == [
        {"problem": "", "who": names[0]},
        {"problem": "not yours", "who": names[1]},
    ]
    assert controlled.cancelled == [(b"\0" * 8, name) for name in names]


def test_only_the_owner_may_connect_to_the_control_socket(controlled: Controlled) -> None:
    mode = controlled.path.stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@only_root
def test_another_user_who_can_connect_is_not_answered(controlled: Controlled, folder: Path) -> None:
    for path, mode in ((folder, 0o755), (controlled.path.parent, 0o755), (controlled.path, 0o666)):
        path.chmod(mode)

    def ask(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            with contextlib.suppress(ConnectionError):  # it is closed, perhaps before that
                client.sendall(amp.AmpBox({b"_command": b"Stop", b"_ask": b"1"}).serialize())
                assert client.recv(1) == b""
        (folder / "asked").write_text("")

    folder.chmod(0o777)
    with stranger_at(controlled.path, ask):
        controlled.iterate_until((folder / "asked").exists)
    assert controlled.stopped == 0


def test_a_connection_that_says_nothing_is_closed(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_protocol, "IDLE_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(controlled.path))
        client.setblocking(False)

        def is_closed() -> bool:
            try:
                return client.recv(1) == b""
            except BlockingIOError:
                return False

        controlled.iterate_until(is_closed)
    assert controlled.ask(lambda client: client.status()) == {"running": True}


def test_a_socket_that_a_killed_supervisor_left_is_replaced(folder: Path) -> None:
    home = Home(folder)
    home.create()
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(home.control_socket))
    controlled = Controlled(home)
    try:
        assert controlled.ask(lambda client: client.status()) == {"running": True}
    finally:
        controlled.close()


def test_a_stopped_control_socket_does_not_listen(controlled: Controlled) -> None:
    controlled.socket.stop()
    controlled.socket.stop()
    controlled.reactor.iterate(0)

    with pytest.raises(NotRunning, match="no supervisor answers"):
        controlled.ask(lambda client: client.status())


def test_a_stop_while_the_socket_is_made_anew_is_obeyed(controlled: Controlled) -> None:
    controlled.path.unlink()
    controlled.socket._gone()
    controlled.socket.stop()
    controlled.reactor.iterate(0)

    assert not controlled.path.exists()
    assert controlled.reactor.getReaders() == [controlled.reactor.waker]
    assert controlled.reactor.getDelayedCalls() == []


def test_the_socket_is_never_open_to_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a moment: between its making and the end of its making others could connect."""
    modes: list[int] = []
    chmod = os.chmod

    def note(path: Any, mode: int, **options: Any) -> None:
        modes.append(stat.S_IMODE(os.lstat(path).st_mode))
        chmod(path, mode, **options)

    before = os.umask(0)
    try:
        home = Home(folder)
        home.create()
        monkeypatch.setattr("twisted.internet.unix.os.chmod", note)
        Controlled(home).close()
        assert os.umask(0) == 0, "that of the process is as before"
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_a_home_without_a_socket_has_no_running_supervisor(folder: Path) -> None:
    with pytest.raises(NotRunning, match="no supervisor answers at"):
        ControlClient(folder / "control.sock", 1)


@pytest.fixture
def listener(folder: Path) -> Iterator[socket.socket]:
    """Takes connections and says nothing."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "control.sock"))
        made.listen()
        yield made


def test_a_supervisor_that_does_not_answer_in_time_is_away(
    folder: Path, listener: socket.socket
) -> None:
    client = ControlClient(folder / "control.sock", 0.05)
    try:
        with pytest.raises(StorageAway, match="does not answer"):
            client.status()
    finally:
        client.close()


def test_a_supervisor_that_hangs_up_was_there(folder: Path, listener: socket.socket) -> None:
    client = ControlClient(folder / "control.sock", TIMEOUT_SECONDS)
    listener.accept()[0].close()
    try:
        with pytest.raises(StorageAway, match="it has ended, or too many are connected"):
            client.status()
    finally:
        client.close()


@pytest.fixture
def made_sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The sockets that clients have made since."""
    made: list[socket.socket] = []
    make = socket.socket

    def note(*args: Any, **options: Any) -> socket.socket:
        made.append(make(*args, **options))
        return made[-1]

    monkeypatch.setattr("zcasync.protocol.control_client.socket.socket", note)
    return made


def test_a_frozen_supervisor_whose_queue_is_full_is_away(
    folder: Path, listener: socket.socket, made_sockets: list[socket.socket]
) -> None:
    listener.listen(0)
    with contextlib.closing(ControlClient(folder / "control.sock", TIMEOUT_SECONDS)):
        with pytest.raises(StorageAway, match="takes no more connections now"):
            ControlClient(folder / "control.sock", TIMEOUT_SECONDS)
        assert made_sockets[-1].fileno() == -1


def test_whatever_keeps_a_client_from_connecting_leaves_no_socket(
    folder: Path, made_sockets: list[socket.socket]
) -> None:
    (folder / "file").touch()
    for name, error, why in (
        ("x" * 200, NotRunning, "no supervisor answers at"),
        ("file/control.sock", StorageAway, "cannot be reached at"),
    ):
        with pytest.raises(error, match=f"{why} {folder / name}"):
            ControlClient(folder / name, TIMEOUT_SECONDS)
        assert made_sockets[-1].fileno() == -1
