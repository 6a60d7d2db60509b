"""One supervisor a home, and a file that says which one."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from tests.support.scenes import Said
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.lock import AlreadyServed, HomeLock, is_held, read
from zcasync.instance.process_identity import ProcessIdentity


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


def test_the_holder_of_a_lock_can_be_read(home: Home) -> None:
    assert read(home) is None
    lock = HomeLock(home)
    lock.acquire()
    found = read(home)
    lock.write("engine")
    lock.release()

    assert found is not None
    assert ProcessIdentity.from_dict(found) == ProcessIdentity.here()
    assert found["engine"] is None
    assert (read(home) or {})["engine"] == "engine"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '"pid"'])
def test_an_unreadable_holder_counts_as_none(home: Home, text: str) -> None:
    home.supervisor_identity.write_text(text)

    assert read(home) is None


def test_a_holder_with_a_wrong_pid_counts_as_none(home: Home) -> None:
    home.supervisor_identity.write_text(
        json.dumps({**ProcessIdentity.here().as_dict(), "pid": "many"})
    )

    assert read(home) is None


def test_a_supervisor_that_had_no_engine_leaves_what_was_known_before(home: Home) -> None:
    lock = HomeLock(home)
    lock.acquire()
    lock.release()
    assert read(home) is None
    lock = HomeLock(home)
    lock.acquire()
    lock.write("engine")
    lock.release()
    before = read(home)

    lock = HomeLock(home)
    lock.acquire()
    assert (read(home) or {})["starting"] is True
    lock.release()
    assert read(home) == before


def test_a_supervisor_that_dies_before_it_has_an_engine_leaves_the_name_of_the_last(
    home: Home,
) -> None:
    first = HomeLock(home)
    first.acquire()
    first.write("engine")
    first.release()  # without saying that it ended, as the kernel does it
    second = HomeLock(home)
    second.acquire()
    found = read(home)
    second.release()

    assert found is not None
    assert (found["engine"], found["starting"]) == ("engine", True)


def test_a_lock_can_be_asked_whether_it_is_held(home: Home) -> None:
    assert is_held(home) is False
    lock = HomeLock(home)
    lock.acquire()
    assert is_held(home) is True
    lock.release()
    assert is_held(home) is False


def test_a_full_disk_is_logged_and_keeps_no_supervisor_from_working(
    home: Home, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lock = HomeLock(home)
    monkeypatch.setattr(own_files, "create", full)
    lock.acquire()
    lock.write("engine")
    lock.release()

    assert len(said.about("No space left on device")) == 2
