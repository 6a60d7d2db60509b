"""Fixtures for all tests: databases, folders for homes, a watch over what tests leave behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.metadata import version

import psutil
import pytest
from twisted.logger import globalLogPublisher

from tests.support import leftovers
from tests.support.fixtures import (
    bench,
    connect,
    db,
    fake_clock,
    file_db,
    folder,
    gate,
    home,
    make_instance,
    reactor,
    registry,
    said,
    seconds,
    session,
)
from tests.support.instance import FOLDERS, RUNNING
from zcasync.testing.waiting import wait_until

__all__ = [
    "bench",
    "connect",
    "db",
    "fake_clock",
    "file_db",
    "folder",
    "gate",
    "home",
    "make_instance",
    "reactor",
    "registry",
    "said",
    "seconds",
    "session",
]

#: A process that was told to end may take a moment.
LEAVE_SECONDS = 10.0


def pytest_report_header() -> str:
    """The versions that decide what is tested: `make matrix` has several."""
    return ", ".join(f"{name} {version(name)}" for name in ("ZODB", "ZEO", "Twisted"))


# What commands print must not depend on the terminal that the tests were started from.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
# Homes that tests make themselves must not be open to a group, whatever shell they come from.
os.umask(0o022)
# A shell without job control starts what it puts in the background with SIGINT ignored, and what we
# start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fails when a module's tests leave a process or a folder behind."""
    before = set(FOLDERS)
    yield

    def left() -> list[str]:
        in_use = {instance.home.parent for instance in RUNNING}  # several modules share one
        return [*leftovers.left_processes(), *map(str, FOLDERS - before - in_use)]

    wait_until(
        lambda: not left(),
        "the processes and folders of this module to be gone",
        LEAVE_SECONDS,
        left,
    )


@pytest.fixture(autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Fails when a test leaves a process behind that no running supervisor has started."""
    yield
    if psutil.Process().children() or RUNNING:
        wait_until(
            lambda: not leftovers.left_processes(),
            "the processes of this test to be gone",
            LEAVE_SECONDS,
            leftovers.left_processes,
        )


@pytest.fixture(autouse=True)
def log_observers() -> Iterator[None]:
    """What observes the log when a test ends is what did when it began."""
    before = list(globalLogPublisher._observers)
    yield
    after, globalLogPublisher._observers = list(globalLogPublisher._observers), before
    assert after == before
