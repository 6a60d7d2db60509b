"""The files that are written into a home: their modes, and what is not followed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.umasks import umask
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.lock import HomeLock
from zcasync.instanceuuid import getUUID


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_mode & 0o777 for path in folder.rglob("*")
    }


@pytest.mark.parametrize("mask", [0, 0o022, 0o277])
def test_what_is_made_is_closed_whatever_the_umask(folder: Path, mask: int) -> None:
    home = Home(folder / "new" / "home")
    with umask(mask):
        home.create()
        getUUID(home.path)
        lock = HomeLock(home)
        lock.acquire()
        lock.write("engine")
        own_files.append(home.log_file, "a line\n")
        lock.release()

    assert home.path.stat().st_mode & 0o777 == 0o700
    assert modes(home.path) == {
        "etc": 0o700, "log": 0o700, "var": 0o700,
        "etc/uuid.txt": 0o600, "log/zcasync.log": 0o600,
        "var/supervisor.json": 0o600, "var/supervisor.lock": 0o600,
    }  # fmt: skip


def test_the_uuid_makes_a_closed_home_too(folder: Path) -> None:
    with umask(0):
        getUUID(folder / "a" / "home")

    assert (folder / "a").stat().st_mode & 0o777 == 0o755
    assert (folder / "a" / "home").stat().st_mode & 0o777 == 0o700
    assert modes(folder / "a" / "home") == {"etc": 0o700, "etc/uuid.txt": 0o600}


def test_folders_that_are_there_keep_their_modes(folder: Path) -> None:
    home = Home(folder)
    for path in (home.path / "etc", home.log):
        path.mkdir(mode=0o755)
    home.create()

    assert modes(folder) == {"etc": 0o755, "log": 0o755, "var": 0o700}


WRITERS: list[Callable[[Path], object]] = [
    own_files.open_own,
    lambda path: own_files.create(path, "new"),
    lambda path: own_files.append(path, "new"),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nothing_is_written_through_a_link_or_a_second_name(
    folder: Path, write: Callable[[Path], object], link: Callable[[Path, Path], None]
) -> None:
    victim = folder / "victim"
    victim.write_text("as it was")
    victim.chmod(0o644)
    link(victim, folder / "file")

    with pytest.raises(OSError, match="file"):
        write(folder / "file")

    assert victim.read_text() == "as it was"
    assert victim.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("write", [WRITERS[0], WRITERS[2]])
def test_a_second_name_comes_with_the_command_that_ends_it(
    folder: Path, write: Callable[[Path], object]
) -> None:
    """``cp -al`` has given it."""
    path = folder / "the log"
    path.write_text("as it was\n")
    os.link(path, folder / "copy")
    with pytest.raises(OSError, match="it has a second name") as raised:
        write(path)

    subprocess.run(str(raised.value.strerror).rpartition(": ")[2], shell=True, check=True)

    write(path)
    assert (folder / "copy").read_text() == "as it was\n"


@pytest.mark.parametrize("write", WRITERS)
def test_nothing_is_created_through_a_link(folder: Path, write: Callable[[Path], object]) -> None:
    (folder / "file").symlink_to(folder / "created")

    with pytest.raises(OSError, match="file"):
        write(folder / "file")

    assert not (folder / "created").exists()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_that_is_replaced_takes_no_other_one_with_it(
    folder: Path, link: Callable[[Path, Path], None]
) -> None:
    victim = folder / "victim"
    victim.write_text("as it was")
    for name in ("file.json", "file.new"):
        link(victim, folder / name)

    own_files.replace(folder / "file.json", "new")

    assert (folder / "file.json").read_text() == "new"
    assert not (folder / "file.json").is_symlink()
    assert victim.read_text() == "as it was"
    assert sorted(path.name for path in folder.iterdir()) == ["file.json", "victim"]


def test_a_pipe_does_not_block(folder: Path) -> None:
    os.mkfifo(folder / "file")

    with pytest.raises(OSError, match="file"):
        own_files.append(folder / "file", "new")


def test_a_file_is_not_lost_when_it_cannot_be_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    own_files.replace(folder / "file.json", "old")
    monkeypatch.setattr(own_files, "create", full)
    with pytest.raises(OSError, match="No space"):
        own_files.replace(folder / "file.json", "new")

    assert (folder / "file.json").read_text() == "old"
