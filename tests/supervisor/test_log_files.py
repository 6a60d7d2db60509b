"""The log's file: others move, remove and empty it, and it is rotated where it gets long."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zcasync.supervisor import log_outlets
from zcasync.supervisor.log_outlets import KEEP_FILES, LogFile

NAME = "zcasync.log"


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def file(path: Path) -> LogFile:
    made = LogFile(path, opened)
    assert made.write(b"before\n") == 7
    return made


def test_a_file_that_was_moved_is_left_and_made_anew(file: LogFile, path: Path) -> None:
    path.rename(f"{path}-20260101")
    file.check(reopen=False)
    file.write(b"after\n")

    assert path.read_text() == "after\n"
    assert Path(f"{path}-20260101").read_text() == "before\n"


def test_a_file_that_another_one_has_replaced_is_left(file: LogFile, path: Path) -> None:
    path.rename(f"{path}.1")
    path.write_text("of logrotate's create\n")
    file.check(reopen=False)
    file.write(b"after\n")

    assert path.read_text() == "of logrotate's create\nafter\n"


def test_a_file_that_was_removed_is_made_anew(file: LogFile, path: Path) -> None:
    path.unlink()
    file.check(reopen=False)
    file.write(b"after\n")

    assert path.read_text() == "after\n"


def test_a_file_that_was_emptied_goes_on_at_its_beginning(
    file: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_outlets, "ROTATE_BYTES", 20)
    shutil.copyfile(path, f"{path}.copy")
    os.truncate(path, 0)
    file.check(reopen=False)
    file.write(b"fourteen bytes")

    assert path.read_bytes() == b"fourteen bytes"
    assert not Path(f"{path}.1").exists()


def test_where_no_new_file_can_be_made_the_old_one_is_written_to(file: LogFile, path: Path) -> None:
    moved = path.parent.rename(path.parent.with_name("moved"))
    file.check(reopen=False)
    file.check(reopen=True)
    assert file.write(b"after\n") == 6

    assert (moved / NAME).read_text() == "before\nafter\n"


def test_ten_files_are_kept(file: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_outlets, "ROTATE_BYTES", 7)
    for number in range(2 * KEEP_FILES):
        file.write(f"line {number:02}\n".encode())

    assert sorted(one.name for one in path.parent.iterdir()) == sorted(
        [NAME, *(f"{NAME}.{number}" for number in range(1, KEEP_FILES + 1))]
    )
    assert path.read_text() == "line 19\n"
    assert Path(f"{path}.10").read_text() == "line 09\n"


def test_two_who_rotate_lose_nothing(
    file: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_outlets, "ROTATE_BYTES", 30)
    for number in range(20):
        file.write(f"line {number:02}\n".encode())
        if number % 3 == 0 and path.exists():
            path.rename(f"{path}-{number:02}")
        if number % 2 == 0:
            file.check(reopen=False)

    found = "".join(one.read_text() for one in path.parent.iterdir())
    assert sorted(found.splitlines()) == ["before", *(f"line {n:02}" for n in range(20))]


LIMITED = """
import os, resource, sys
from pathlib import Path
from zcasync.supervisor.log_outlets import LogFile

path = Path(sys.argv[1])
file = LogFile(path, lambda path: os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
rest = b"".join(b"line %02d\\n" % number for number in range(20))
while rest:
    rest = rest[file.write(rest):]
"""


def test_a_file_that_may_not_grow_is_rotated(path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    subprocess.run([sys.executable, "-c", LIMITED, str(path)], check=True, timeout=60)

    assert Path(f"{path}.1").read_bytes() + path.read_bytes() == b"".join(
        b"line %02d\n" % number for number in range(20)
    )
