"""zcasync check: who could have written a home, and who can read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.support.other_users import ALICE, as_user, give, needs_root, open_folder
from zcasync.instance import trusted
from zcasync.instance.home import Home
from zcasync.instance.trust import AS_ROOT

Cli = Callable[..., Result]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that all users may enter; no file of trusted homes counts yet."""
    with open_folder() as made:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(made))
        monkeypatch.delenv(trusted.VARIABLE, raising=False)
        yield made


@pytest.fixture
def home(place: Path) -> Home:
    """A home as a supervisor makes it."""
    made = Home(place / "home")
    made.create()
    return made


def warnings(done: Result) -> list[str]:
    """What it warns of, besides that these tests may run as root."""
    return [one for one in done.json["warnings"] if one != AS_ROOT]


def test_every_place_that_others_may_write_is_named_and_nothing_is_read(
    home: Home, cli: Cli
) -> None:
    home.config_file.write_text("<zcasync>\n surprise 1\n</zcasync>\n")
    home.uuid_file.write_text("no uuid")
    for path in (home.path, home.log, home.config_file):
        path.chmod(0o777)

    done = cli("check", "--home", home.path, "--json")

    assert done.code == 2
    assert [one.split(": ")[-1] for one in done.json["problems"]] == [
        f"chmod go-w {path}" for path in (home.path, home.config_file, home.log)
    ]
    assert not {home.path, home.log} & {Path(one.split(" ")[0]) for one in warnings(done)}
    words = cli("check", "--home", home.path)
    assert (words.code, words.out.count("PROBLEM: ")) == (2, 3)


def test_what_others_may_read_is_a_warning_with_what_closes_it(home: Home, cli: Cli) -> None:
    home.config_file.touch()
    for path, mode in ((home.path, 0o755), (home.log, 0o750), (home.config_file, 0o644)):
        path.chmod(mode)

    done = cli("check", "--home", home.path, "--json")

    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    assert warnings(done) == [
        f"{home.path} is open to other users (mode 0755): chmod 700 {home.path}",
        f"{home.config_file} is open to other users (mode 0644): chmod 600 {home.config_file}",
        f"{home.log} is open to other users (mode 0750): chmod 700 {home.log}",
    ]
    words = cli("check", "--home", home.path).out
    assert words.index("WARNING: ") < words.index("No problems.")
    for warning in warnings(done):
        subprocess.run(warning.split(": ")[1], shell=True, check=True)
    assert warnings(cli("check", "--home", home.path, "--json")) == []


@needs_root
def test_to_be_root_is_a_warning(home: Home, cli: Cli) -> None:
    assert AS_ROOT in cli("check", "--home", home.path, "--json").json["warnings"]
    assert f"WARNING: {AS_ROOT}" in cli("check", "--home", home.path).out
    give(home.path, ALICE)

    argv = [sys.executable, "-m", "zcasync.cli.main", "check", "--home", home.path]
    done = as_user(ALICE, argv)

    assert (done.returncode, done.stderr) == (0, "")
    assert "WARNING" not in done.stdout


def test_a_file_of_trusted_homes_that_is_not_believed_is_said_once(
    home: Home, cli: Cli, place: Path
) -> None:
    file = place / "zcasync" / "trusted"
    file.parent.mkdir()
    file.touch()
    file.chmod(0o666)
    home.log.chmod(0o777)

    assert cli("check", "--home", home.path).out.count(f"{file} is ignored") == 1


@needs_root
def test_a_home_of_another_user_is_a_problem_with_what_to_do(home: Home, cli: Cli) -> None:
    home.config_file.write_text("<zcasync>\n surprise 1\n</zcasync>\n")
    give(home.path, ALICE)

    done = cli("check", "--home", home.path, "--json")

    assert done.code == 2
    [problem] = done.json["problems"]
    command = Path(sys.executable).with_name("zcasync")
    assert problem.startswith(f"{home.path} belongs to another user, uid {ALICE}")
    assert f"sudo -u '#{ALICE}' {command} check --home {home.path}" in problem
    assert problem.endswith("; and 4 more places like it")


def test_a_folder_that_is_no_home_is_said_to_be_none(cli: Cli) -> None:
    for folder in ("/", "/usr"):
        done = cli("check", "--home", folder, "--json")
        assert (done.code, warnings(done)) == (2, [])
        [problem] = done.json["problems"]
        assert problem.startswith(f"{folder} is no instance home, but in use for something else")
        assert "chmod" not in problem


def test_an_empty_folder_can_become_a_home(cli: Cli, place: Path) -> None:
    (place / "new").mkdir(mode=0o700)
    assert cli("check", "--home", place / "new").code == 0


def test_a_file_of_trusted_homes_is_checked_too(home: Home, cli: Cli, place: Path) -> None:
    file = place / "zcasync" / "trusted"
    file.parent.mkdir()
    file.write_text("not/absolute\n")

    done = cli("check", "--home", home.path, "--json")
    assert done.code == 2
    assert done.json["problems"][0].startswith(f"{file}, line 1: ")

    file.chmod(0o666)
    done = cli("check", "--home", home.path, "--json")
    assert done.code == 0
    assert warnings(done) == [
        f"{file} is ignored: {file} can be written by others: chmod go-w {file}"
    ]


def test_a_folder_for_data_that_is_a_link_to_another_disk_is_no_problem(
    home: Home, cli: Cli, place: Path
) -> None:
    home.var.rename(place / "disk")
    home.var.symlink_to(place / "disk")

    done = cli("check", "--home", home.path, "--json")

    assert (done.code, done.json["problems"], warnings(done)) == (0, [], [])


def test_a_folder_in_which_others_can_replace_the_home_is_a_problem(
    home: Home, cli: Cli, place: Path
) -> None:
    place.chmod(0o777)
    done = cli("check", "--home", home.path, "--json")
    assert (done.code, warnings(done)) == (2, [])
    [problem] = done.json["problems"]
    assert f"{place} can be written by all users (mode 0777), who could put " in problem
    assert problem.endswith(f" in place of {home.path}: chmod o-w {place}")

    place.chmod(0o1777)
    done = cli("check", "--home", home.path, "--json")
    assert (done.code, done.json["problems"], warnings(done)) == (0, [], [])


def test_a_folder_in_which_a_group_can_replace_the_home_is_a_warning(
    home: Home, cli: Cli, place: Path
) -> None:
    place.chmod(0o775)
    done = cli("check", "--home", home.path, "--json")
    assert (done.code, done.json["problems"]) == (0, [])
    [warning] = warnings(done)
    assert f"{place}, where others could put something else in place of {home.path}" in warning
    assert warning.endswith(f": chmod g-w {place}")
