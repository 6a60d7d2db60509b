"""Fixtures for the tests of the supervisor's parts: those of the model, and clocks to move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.model.conftest import connect, db, fake_clock, file_db, registry, session
from tests.supervisor.scenes import Said, Seconds

__all__ = ["connect", "db", "fake_clock", "file_db", "registry", "session"]


@pytest.fixture
def reactor() -> Clock:
    """A reactor that only tells the time; the test moves it."""
    return Clock()


@pytest.fixture
def seconds() -> Seconds:
    """A monotonic clock that stands still until the test moves it."""
    return Seconds()


@pytest.fixture
def said() -> Iterator[Said]:
    """What is logged during the test."""
    with capturedLogs() as events:
        yield Said(events)
