"""The setting outside the homes: what it allows, who is believed, and which lines make no sense."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.other_users import ALICE, BOB, as_user, give, needs_root, open_folder
from zcasync.errors import ConfigurationError
from zcasync.instance import trusted
from zcasync.instance.home import Home
from zcasync.instance.trust import UntrustedHome

List = Callable[..., Path]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users may enter."""
    with open_folder() as made:
        yield made


@pytest.fixture
def home(place: Path) -> Home:
    """A home of this user's."""
    made = Home(place / "home")
    made.create()
    return made


@pytest.fixture
def listed(place: Path, monkeypatch: pytest.MonkeyPatch) -> List:
    """Writes the file of trusted homes that the environment names; returns its path."""
    file = place / "trusted"
    monkeypatch.setenv(trusted.VARIABLE, str(file))

    def write(*lines: str) -> Path:
        file.write_text("\n".join(lines) + "\n")
        return file

    return write


def refused(home: Home, *why: str) -> None:
    with pytest.raises(UntrustedHome) as raised:
        home.require_trusted()
    for text in why:
        assert text in str(raised.value)


# what a line allows


def test_a_group_that_is_listed_may_write(home: Home, listed: List) -> None:
    for path in (home.path, home.log, home.var):
        path.chmod(0o770)
    refused(home, "can be written by group")
    listed(f"{home.path} group={home.path.stat().st_gid}")

    home.require_trusted()
    home.create()

    assert home.var.stat().st_mode & 0o777 == 0o770, "the group keeps what it may"
    home.log.chmod(0o772)
    refused(home, "can be written by all users")


def test_another_group_may_not(home: Home, listed: List) -> None:
    home.log.chmod(0o770)
    listed(f"{home.path} group={home.path.stat().st_gid + 1}")

    refused(home, f"{home.log} can be written by group", f"chmod go-w {home.log}")


@needs_root
def test_a_home_that_is_listed_alone_may_be_anybodys(home: Home, listed: List) -> None:
    give(home.path, ALICE)
    give(home.log, BOB)
    refused(home, f"belongs to another user, uid {ALICE}")
    listed("# homes on the file server", "", f"{home.path}  # ours")

    home.require_trusted()
    Home(home.path / ".." / home.path.name).require_trusted()
    home.log.chmod(0o722)
    refused(home, "can be written by all users")


@needs_root
def test_a_home_that_is_listed_with_an_owner_may_be_his_only(home: Home, listed: List) -> None:
    give(home.path, ALICE)
    listed(f"{home.path} owner={ALICE}")
    home.require_trusted()
    give(home.log, BOB)

    refused(home, f"{home.log} belongs to another user, uid {BOB}")
    listed(f"{home.path} owner={ALICE}", f"{home.path} owner={BOB}")
    home.require_trusted()


def test_names_and_blanks_are_understood(place: Path, listed: List) -> None:
    listed("'/a home' owner=root", '"/another home" group=root')

    assert trusted.look_up(Path("/a home"))[0] == trusted.Listing(frozenset({0}))
    both = trusted.Listing(groups=frozenset({0}), any_owner=True)
    assert trusted.look_up(Path("/another home"))[0] == both


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("relative/home", "'relative/home' is not an absolute path"),
        ("/home group", "'group' is not understood"),
        ("/home group=", "'group=' is not understood"),
        ("/home mode=0700", "'mode=0700' is not understood"),
        ("/home owner=no-such-user", "there is no user 'no-such-user'"),
        ("/home group=no-such-group", "there is no group 'no-such-group'"),
        ("'/home", "No closing quotation"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(home: Home, listed: List, line: str, why: str) -> None:
    file = listed("/one", line)
    home.require_trusted()  # nothing has to be looked up
    home.log.chmod(0o777)

    with pytest.raises(ConfigurationError) as raised:
        home.require_trusted()

    [problem] = raised.value.problems
    assert problem.startswith(f"{file}, line 2: {why}")
    assert trusted.FORM in problem


# who is believed


def test_a_file_that_others_may_write_is_ignored(home: Home, listed: List) -> None:
    home.log.chmod(0o770)
    file = listed(f"{home.path} group={home.path.stat().st_gid}")
    for mode in (0o620, 0o602):
        file.chmod(mode)
        refused(home, "can be written by group", f"{file} is ignored", f"chmod go-w {file}")
    file.chmod(0o600)
    home.require_trusted()


def test_a_file_in_a_folder_that_others_may_write_is_ignored(
    home: Home, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.log.chmod(0o770)
    folder = place / "open"
    folder.mkdir()
    monkeypatch.setenv(trusted.VARIABLE, str(folder / "trusted"))
    (folder / "trusted").write_text(f"{home.path} group={home.path.stat().st_gid}\n")
    folder.chmod(0o777)

    refused(home, f"is ignored: {folder} can be written by others")
    folder.chmod(0o1777)  # as /tmp: others cannot replace what is ours
    home.require_trusted()


@needs_root
def test_a_file_of_another_user_is_ignored(home: Home, place: Path, listed: List) -> None:
    give(home.path, ALICE)
    file = listed(str(home.path))
    give(file, ALICE)
    refused(home, f"{file} is ignored: {file} belongs to uid {ALICE}")

    mine = place / "mine"
    mine.write_text(f"{home.path}\n")
    file.unlink()
    file.symlink_to(mine)
    os.chown(file, ALICE, ALICE, follow_symlinks=False)
    refused(home, f"{file} is ignored: {file} belongs to uid {ALICE}")


def test_a_file_that_is_named_but_missing_is_said(home: Home, listed: List) -> None:
    home.log.chmod(0o777)
    file = listed()
    file.unlink()

    refused(home, f"{file}, which ZCASYNC_TRUSTED names, is not there")


def test_a_pipe_in_its_place_does_not_block(home: Home, listed: List) -> None:
    home.log.chmod(0o777)
    file = listed()
    file.unlink()
    os.mkfifo(file)

    refused(home, f"{file} is not a file")


@needs_root
def test_the_files_of_the_machine_and_of_the_user_count(
    home: Home, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(home.path, BOB)
    home.path.chmod(0o755)
    machine, config = place / "etc" / "trusted", place / "config"
    own = config / "zcasync" / "trusted"
    for file in (machine, own):
        file.parent.mkdir(parents=True)
    monkeypatch.delenv(trusted.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setattr(trusted, "OF_THE_MACHINE", machine)

    def judge() -> None:
        give(config, ALICE)
        as_user(ALICE, lambda: Home(home.path).require_trusted())

    def refuse() -> None:
        give(config, ALICE)
        as_user(ALICE, lambda: refused(home, "list it: ", f">> {own})"))

    refuse()
    for file in (machine, own):
        file.write_text(f"{home.path} owner={BOB}\n")
        home.log.chmod(0o755)
        home.var.chmod(0o755)
        (home.path / "etc").chmod(0o755)
        judge()
        file.unlink()
    machine.write_text(f"{home.path} owner={BOB}\n")
    give(machine, ALICE)
    refuse()


@needs_root
def test_the_line_to_list_a_home_can_be_pasted(
    home: Home, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(home.path, BOB)
    for folder in (home.path, home.path / "etc", home.log, home.var):
        folder.chmod(0o755)
    config = place / "it's configured"
    config.mkdir()
    give(config, ALICE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.delenv(trusted.VARIABLE, raising=False)

    def list_it() -> None:
        os.umask(0)
        with pytest.raises(UntrustedHome) as raised:
            home.require_trusted()
        subprocess.run(str(raised.value).split("list it: ")[1], shell=True, check=True)
        home.require_trusted()

    as_user(ALICE, list_it)
    written = config / "zcasync" / "trusted"
    assert written.read_text() == f"{home.path} owner={BOB}\n"


@needs_root
def test_a_home_that_is_closed_is_not_to_be_listed(
    home: Home, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That would lead to the next refusal; and so would a list that has it."""
    give(home.path, BOB)
    monkeypatch.setenv(trusted.VARIABLE, str(place / "trusted"))

    def is_sent_to_bob() -> None:
        with pytest.raises(UntrustedHome) as raised:
            home.require_trusted()
        assert "list it" not in str(raised.value)
        assert f"or be that user: sudo -u '#{BOB}' " in str(raised.value)

    as_user(ALICE, is_sent_to_bob)
    (place / "trusted").write_text(f"{home.path}\n")
    as_user(ALICE, is_sent_to_bob)


@needs_root
def test_a_home_in_a_folder_that_is_closed_is_not_said_to_be_missing(home: Home) -> None:
    folder = home.path / "etc" / "down"
    (folder / "home").mkdir(parents=True)
    give(home.path, BOB)

    def is_hidden() -> None:
        for path in (folder / "home", folder / "nothing"):
            refused(Home(path), f"{path} is hidden from this user: ", f"belongs to uid {BOB}")

    as_user(ALICE, is_hidden)


@needs_root
def test_the_home_folder_of_the_user_before_is_not_this_ones(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``sudo`` or ``setpriv`` without more, which leave ``HOME=/root``."""
    root = place / "root"
    (root / ".config" / "zcasync").mkdir(parents=True)
    root.chmod(0o700)
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv(trusted.VARIABLE, raising=False)
    assert trusted.own_file() == root / ".config" / "zcasync" / "trusted"
    its_own = Path(pwd.getpwnam("nobody").pw_dir) / ".config" / "zcasync" / "trusted"

    def has_no_home_folder() -> None:
        assert trusted.own_file() == trusted.OF_THE_MACHINE
        assert trusted.look_up(place) == (trusted.Listing(), [])

    def has_another() -> None:
        assert trusted.own_file() == its_own

    as_user(ALICE, has_no_home_folder)
    as_user(pwd.getpwnam("nobody").pw_uid, has_another)


def test_a_home_folder_that_is_not_known_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(trusted.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")

    assert [one.path for one in trusted.sources()] == [Path("/etc/zcasync/trusted")]


# a home that is listed, whose owner would like root to do something for him


@needs_root
def test_root_writes_through_no_link_of_the_owner_of_a_listed_home(
    home: Home, place: Path, listed: List
) -> None:
    listed(str(home.path))
    victim = place / "victim"
    victim.mkdir(mode=0o755)
    home.var.rmdir()
    home.var.symlink_to(victim)
    give(home.path, ALICE)

    with pytest.raises(UntrustedHome, match=f"is a link of uid {ALICE} to what is another's"):
        home.create()

    assert victim.stat().st_mode & 0o777 == 0o755
    assert list(victim.iterdir()) == []
