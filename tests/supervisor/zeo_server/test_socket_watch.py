"""The file of a served socket is looked after, from whatever moment on it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from zcasync.instance.home import Home
from zcasync.supervisor.zeo_server.socket_watch import LOOK_SECONDS, SocketWatch


class Watched:
    """A watch over a file in place of a socket, and how often that was lost."""

    def __init__(self, reactor: Clock, home: Home) -> None:
        home.create()
        self.path = home.zeo_socket
        self.path.touch()
        self.lost = 0
        self.watch = SocketWatch(reactor, home, self._lost)
        self._reactor = reactor

    def _lost(self) -> None:
        self.lost += 1

    def look(self) -> int:
        """Let it look several times; how often the socket was lost until then."""
        self._reactor.pump([LOOK_SECONDS] * 3)
        return self.lost


@pytest.fixture
def watched(reactor: Clock, folder: Path) -> Watched:
    return Watched(reactor, Home(folder / "home"))


def test_a_file_that_stays_is_not_lost(watched: Watched) -> None:
    watched.watch.start(watched.path)
    assert watched.look() == 0


def test_a_file_that_goes_is_lost_once(watched: Watched) -> None:
    watched.watch.start(watched.path)
    assert watched.look() == 0
    watched.path.unlink()
    assert watched.look() == 1


def test_another_file_in_its_place_is_not_it(watched: Watched) -> None:
    watched.watch.start(watched.path)
    other = watched.path.with_name("other")
    other.touch()
    other.rename(watched.path)
    assert watched.look() == 1


def test_a_file_that_is_gone_before_the_watch_begins_is_lost(watched: Watched) -> None:
    watched.path.unlink()
    watched.watch.start(watched.path)
    assert watched.look() == 1
