"""Whatever becomes of the descriptors that a child needs is seen; its own reconnecting is not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from zcasync.child import descriptors
from zcasync.child.descriptors import OwnDescriptors, duplicate, move


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "LOOK_SECONDS", 0.0)


class Child:
    """A child's descriptors: a pipe, and a connection to a server."""

    def __init__(self, folder: Path) -> None:
        self.pipe = os.pipe()
        self._path = str(folder / "server")
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self._path)
        self._server.listen()
        self.connection = self.connect()
        self.in_use = {self.connection.fileno()}
        self.own = OwnDescriptors(lambda: self.in_use)
        self.own.note()

    def connect(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(self._path)
        return made

    def close(self) -> None:
        self._server.close()
        for fd in (*self.pipe, self.connection.detach()):
            with suppress(OSError):
                os.close(fd)


@pytest.fixture
def child(folder: Path) -> Iterator[Child]:
    made = Child(folder)
    yield made
    made.close()


def test_nothing_has_happened(child: Child) -> None:
    assert child.own.problem() is None
    assert child.own.problem() is None


def test_a_pipe_that_is_closed_is_missed(child: Child) -> None:
    os.close(child.pipe[0])
    assert f", {child.pipe[0]}, were closed" in str(child.own.problem())


def test_a_pipe_that_leads_elsewhere_is_missed(child: Child) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, child.pipe[0])
    os.close(nothing)
    assert f", {child.pipe[0]}, were closed or lead elsewhere" in str(child.own.problem())


def test_a_connection_that_somebody_else_has_closed_is_missed(child: Child) -> None:
    os.close(child.connection.fileno())
    assert "were closed" in str(child.own.problem())


def test_a_connection_that_is_lost_is_not_missed_nor_is_one_that_is_made_again(
    child: Child,
) -> None:
    first = child.connection
    child.in_use = set()
    first.close()
    assert child.own.problem() is None
    child.connection = child.connect()
    child.in_use = {child.connection.fileno()}
    assert child.own.problem() is None


def test_a_connection_made_again_is_missed_as_the_first_was(child: Child) -> None:
    first, child.connection = child.connection, child.connect()
    child.in_use = {child.connection.fileno()}
    first.close()
    assert child.own.problem() is None
    os.close(child.connection.fileno())
    assert "were closed" in str(child.own.problem())


def test_a_descriptor_that_was_moved_leaves_nothing_where_it_was(child: Child) -> None:
    low = os.dup(child.pipe[1])
    high = move(low)
    os.write(low, b"lost")
    os.write(high, b"seen")
    assert high > 100
    assert os.read(child.pipe[0], 100) == b"seen"
    assert os.get_inheritable(duplicate(high, inherited=True))
    os.close(low)
    os.close(high)


def test_a_connection_that_is_made_again_to_another_server_is_not_missed(
    child: Child, folder: Path
) -> None:
    """A client may have several servers, or its server may be somewhere else from now on."""
    (folder / "other").mkdir()
    other = Child(folder / "other")
    again = other.connect()
    child.in_use = {again.fileno()}
    child.connection.close()
    try:
        assert child.own.problem() is None
    finally:
        again.close()
        other.close()
