"""The engine whose passes the tests of this folder make."""

from __future__ import annotations

import pytest

from tests.supervisor.poll.scene import Scene
from tests.supervisor.poll.ticking import World
from tests.support.scenes import Seconds
from tests.support.sessions import Connect, FakeClock


@pytest.fixture
def scene(connect: Connect, seconds: Seconds) -> Scene:
    return Scene(connect(), connect(), seconds)


@pytest.fixture
def world(connect: Connect, fake_clock: FakeClock) -> World:
    return World(connect, fake_clock)
