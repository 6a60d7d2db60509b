"""One supervisor a home, and a file that says which one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from zcasync.home import Home
from zcasync.identity import Identity
from zcasync.supervisor.home_lock import HomeLock, read
from zcasync.supervisor.startup import AlreadyServed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.var.mkdir()
    return made


def test_the_second_supervisor_of_a_home_is_told_who_holds_it(home: Home) -> None:
    first, second = HomeLock(home), HomeLock(home)
    first.acquire()
    try:
        with pytest.raises(AlreadyServed) as caught:
            second.acquire()
        with pytest.raises(AlreadyServed):
            second.acquire()
    finally:
        first.release()

    assert f"served by process {os.getpid()} since" in str(caught.value)
    assert f"zcasync stop --home {home.path}" in str(caught.value)


def test_a_refused_supervisor_does_not_write_about_itself(home: Home) -> None:
    first, second = HomeLock(home), HomeLock(home)
    first.acquire()
    first.write("engine")
    with pytest.raises(AlreadyServed):
        second.acquire()
    first.release()

    found = read(home)
    assert found is not None
    assert found["engine"] == "engine"


def test_a_released_lock_can_be_taken_again(home: Home) -> None:
    for _ in range(2):
        lock = HomeLock(home)
        lock.acquire()
        lock.release()
        lock.release()


def test_a_holder_that_wrote_nothing_readable_is_still_a_holder(home: Home) -> None:
    first = HomeLock(home)
    first.acquire()
    home.supervisor_identity.write_text("{")
    try:
        with pytest.raises(AlreadyServed, match="served by a process: stop it"):
            HomeLock(home).acquire()
    finally:
        first.release()


def test_who_holds_it_can_be_read(home: Home) -> None:
    assert read(home) is None
    lock = HomeLock(home)
    lock.acquire()
    found = read(home)
    lock.write("engine")
    lock.release()

    assert found is not None
    assert Identity.from_dict(found) == Identity.here()
    assert found["engine"] is None
    assert (read(home) or {})["engine"] == "engine"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '"pid"'])
def test_what_is_not_readable_is_as_good_as_nothing(home: Home, text: str) -> None:
    home.supervisor_identity.write_text(text)

    assert read(home) is None


def test_a_wrong_pid_is_as_good_as_nothing(home: Home) -> None:
    home.supervisor_identity.write_text(json.dumps({**Identity.here().as_dict(), "pid": "many"}))

    assert read(home) is None
