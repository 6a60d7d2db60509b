"""The way to a home: who owns, or can write, a folder or a link on it could replace it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import zcasync
from tests.support.other_users import ALICE, BOB, as_user, give, needs_root, open_folder
from zcasync.errors import ConfigurationError
from zcasync.instance import trust, trusted
from zcasync.instance.home import Home
from zcasync.instance.settings import load
from zcasync.instance.trust import UntrustedHome
from zcasync.instanceuuid import getUUID, readUUID


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users may enter."""
    with open_folder() as made:
        yield made


@pytest.fixture
def home(place: Path) -> Home:
    """A home of this user's, some folders down."""
    made = Home(place / "above" / "between" / "home")
    made.create()
    return made


def refused(home: Home, *why: str) -> str:
    """Assert that a home is refused in every way, and for what; return the message."""
    for enter in (Home.find, zcasync.open, getUUID, readUUID, lambda _: home.create()):
        with pytest.raises(UntrustedHome) as raised:
            enter(home.path)
        for text in why:
            assert text in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", ["above", "above/between"])
def test_a_folder_that_all_may_write_is_refused(home: Home, place: Path, name: str) -> None:
    above = place / name
    above.chmod(0o777)
    said = refused(home, f"{above} can be written by all users", f"in place of {home.path}")

    subprocess.run(said.rpartition(": ")[2], shell=True, check=True)

    home.require_trusted()


def test_a_home_that_is_not_there_yet_is_not_made_where_all_may_replace_it(home: Home) -> None:
    home.path.parent.chmod(0o777)
    new = Home(home.path.parent / "new" / "home")

    refused(new, f"{home.path.parent} can be written by all users")

    assert not new.path.parent.exists()


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o1777])
def test_a_folder_in_which_none_can_take_what_is_ours_is_right(home: Home, mode: int) -> None:
    home.path.parent.chmod(mode)
    home.require_trusted()
    home.create()


@needs_root
def test_what_root_has_laid_is_right_for_all(place: Path) -> None:
    """Down from / with 0755, and through a link."""
    (place / "link").symlink_to(place)
    home = Home(place / "link" / "home")
    home.create()
    give(home.path, ALICE)
    as_user(ALICE, home.require_trusted)
    as_user(ALICE, home.create)


@needs_root
@pytest.mark.parametrize("name", ["above", "above/between"])
def test_a_folder_of_another_user_is_refused_until_he_is_listed(
    home: Home, place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(trusted.VARIABLE, str(place / "zcasync" / "trusted"))
    above = place / name
    os.chown(above, BOB, BOB)
    said = refused(home, f"{above} belongs to another user, uid {BOB}", "list it: (umask ")

    subprocess.run(said.split("list it: ")[1].split("; ")[0], shell=True, check=True)

    home.require_trusted()
    give(home.log, ALICE)
    with pytest.raises(UntrustedHome, match=f"{home.log} belongs to another user, uid {ALICE}"):
        home.require_trusted()
    give(home.log, 0)
    os.chown(above, ALICE, ALICE)
    refused(home, f"{above} belongs to another user, uid {ALICE}")


@needs_root
def test_a_home_that_is_listed_alone_may_be_anywhere(
    home: Home, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(place / "above", BOB, BOB)
    home.path.parent.chmod(0o777)
    monkeypatch.setenv(trusted.VARIABLE, str(place / "trusted"))
    (place / "trusted").write_text(f"{home.path}\n")
    home.require_trusted()


@needs_root
def test_a_link_of_another_user_on_the_way_is_refused(home: Home, place: Path) -> None:
    place.chmod(0o1777)
    link = place / "link"
    as_user(BOB, lambda: link.symlink_to(place / "above"))

    refused(Home(link / "between" / "home"), f"{link} belongs to another user, uid {BOB}")


def test_the_way_that_a_link_leads_counts(home: Home, place: Path) -> None:
    (place / "link").symlink_to(place / "above")
    through = Home(place / "link" / "between" / "home")
    through.require_trusted()
    (place / "above").chmod(0o777)
    refused(through, f"{place / 'above'} can be written by all users")


@pytest.mark.parametrize("name", ["var", "etc", "etc/zcasync.conf", "etc/other.conf"])
def test_the_way_to_what_is_elsewhere_counts(home: Home, place: Path, name: str) -> None:
    disk, path = place / "disk", home.path / name
    (disk / "down").mkdir(parents=True)
    if path.exists():
        path.rmdir()
        (disk / "down" / "it").mkdir(mode=0o700)
    else:
        (disk / "down" / "it").touch(mode=0o600)
    path.symlink_to(disk / "down" / "it")
    home.require_trusted()
    disk.chmod(0o777)
    refused(home, f"{disk} can be written by all users (mode 0777), who could put something else")


# others who are quicker


@pytest.fixture
def shared(place: Path) -> Path:
    """The path of a home that is missing, in a folder as /tmp is."""
    place.chmod(0o1777)
    return place / "shared"


def make_a_trap(home: Path) -> None:
    """Make a home as another user would, for others to read it."""
    (home / "etc").mkdir(parents=True)
    (home / "etc" / "zcasync.conf").write_text("%import no_such_package\n")
    (home / "etc" / "uuid.txt").write_text(f"{'0' * 31}1\n")


@pytest.fixture
def quicker(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user makes the home right after the first look has found it missing."""
    look = trust.require

    def look_first(home: Path, *rest: Any) -> bool:
        try:
            return look(home, *rest)
        finally:
            if not shared.exists():
                as_user(BOB, lambda: make_a_trap(shared))

    monkeypatch.setattr(trust, "require", look_first)


@needs_root
@pytest.mark.usefixtures("quicker")
def test_nothing_is_read_of_a_home_that_came_after_the_look(shared: Path) -> None:
    home = Home.find(shared)
    assert home.config_file.exists()
    with pytest.raises(UntrustedHome, match=f"{shared} belongs to another user, uid {BOB}"):
        load(home)


@needs_root
@pytest.mark.usefixtures("quicker")
def test_a_home_that_came_after_the_look_has_no_uuid(shared: Path) -> None:
    assert readUUID(shared) is None
    assert (shared / "etc" / "uuid.txt").exists()


@needs_root
@pytest.mark.usefixtures("quicker")
def test_a_home_that_came_after_the_look_is_none(shared: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no instance home at"):
        Home(shared).require()
    assert shared.exists()


@needs_root
@pytest.mark.usefixtures("quicker")
@pytest.mark.parametrize("make", [lambda path: Home(path).create(), getUUID])
def test_a_home_that_another_user_made_meanwhile_is_not_used(
    shared: Path, make: Callable[[Path], object]
) -> None:
    with pytest.raises(UntrustedHome, match=f"{shared} belongs to another user, uid {BOB}"):
        make(shared)
    assert sorted(one.name for one in shared.rglob("*")) == ["etc", "uuid.txt", "zcasync.conf"]


@pytest.mark.parametrize("make", [lambda path: Home(path).create(), getUUID])
def test_a_home_of_ones_own_can_be_made_where_all_may_make_one(
    shared: Path, make: Callable[[Path], object]
) -> None:
    make(shared)
    Home(shared).require()


@needs_root
def test_a_home_that_another_user_has_put_in_place_is_not_read(home: Home, place: Path) -> None:
    """He cannot write ours; before, whoever had looked at ours read his."""
    os.chown(home.path.parent, BOB, BOB)

    def swap() -> None:
        home.path.rename(home.path.with_name("ours"))
        home.path.mkdir()

    argv = [sys.executable, "-m", "zcasync.cli.main", "status", "--home", home.path]
    before = subprocess.run(argv, capture_output=True, text=True, check=False)
    as_user(BOB, swap)
    after = subprocess.run(argv, capture_output=True, text=True, check=False)

    for done in (before, after):
        assert (done.returncode, done.stdout) == (2, "")
    assert f"{home.path.parent} belongs to another user, uid {BOB}" in before.stderr
