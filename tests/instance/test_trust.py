"""Whose a home has to be before anything in it is read: real users, every way into a home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import zcasync
from tests.instance.evil import CONFIGURATION, INDEX, prepared
from tests.support.other_users import ALICE, BOB, as_user, give, needs_root, open_folder
from zcasync.cli.main import COMMANDS
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.instance.trust import UntrustedHome
from zcasync.instanceuuid import getUUID, readUUID

ARGUMENTS = {
    "put": ["math.factorial", "--arg", "3"],
    "job": ["0x1"],
    "cancel": ["0x1"],
    "retry": ["0x1"],
    "discard": ["0x1"],
    "quota": ["solr"],
    "schedule": ["nightly"],
    "release": ["00000000-0000-0000-0000-000000000001"],
    "forget": ["00000000-0000-0000-0000-000000000001"],
}
#: sudo finds no other.
COMMAND = Path(sys.executable).with_name("zcasync")
#: They open nothing.
WITHOUT_A_HOME = {"certificates", "completion", "man"}
#: Gives command lines, one after the other, and prints of each its exit code and its last line.
RUN_ALL = """
import contextlib, io, json, sys
from zcasync.cli.main import execute
ended = {}
for name, words in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = execute(words)
    ended[name] = code, out.getvalue(), err.getvalue()
print(json.dumps(ended))
"""
#: Comes to a home in the other ways.
ENTER_ALL = """
import json, os, sys
import zcasync
from zcasync.child.opening import ChildDatabases
from zcasync.errors import ConfigurationError
from zcasync.instanceuuid import getUUID, readUUID
from zcasync.protocol.child_spec import ChildSpec
from zcasync.supervisor.options import Options
from zcasync.twisted_engine.engine import engine_keeper
from twisted.python.usage import UsageError
home = os.environ["INSTANCE_HOME"] = sys.argv[1]
ways = {
    "open": lambda: zcasync.open(home),
    "read": lambda: readUUID(home),
    "uuid": lambda: getUUID(),
    "child": ChildDatabases(ChildSpec(home, None, "00", 1, 1.0)).open,
    "twistd": lambda: Options().parseOptions(["--home", home]),
    "engine": lambda: engine_keeper(None, None, None, in_process=True),
}
said = {}
for name, enter in ways.items():
    try:
        enter()
    except (ConfigurationError, UsageError) as error:
        said[name] = str(error)
    except Exception as error:
        said[name] = repr(error)
    else:
        said[name] = ""
print(json.dumps(said))
"""

#: Prints why a home is refused.
REQUIRE = """
import sys
from pathlib import Path
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
try:
    Home(Path(sys.argv[1])).require_trusted()
except ConfigurationError as error:
    print(error)
"""

# the homes of others


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users may enter."""
    with open_folder() as made:
        yield made


def run_as(uid: int, code: str, argument: str, folder: Path) -> dict[str, list[object]]:
    path = os.pathsep.join([str(Path(zcasync.__file__).parents[1]), str(folder)])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": "/nonexistent"}
    argv = [sys.executable, "-c", code, argument]
    done = (
        as_user(uid, argv, env=environment, cwd=folder)
        if uid
        else subprocess.run(
            argv, env=environment, cwd=folder, text=True, capture_output=True, timeout=60
        )
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def command_lines(home: Path) -> dict[str, list[str]]:
    return {
        name: [name, *ARGUMENTS.get(name, []), "--home", str(home)]
        for name in sorted(COMMANDS, key=lambda name: name == "run")  # it would not return
        if name not in WITHOUT_A_HOME
    }


@needs_root
@pytest.mark.parametrize("way", [CONFIGURATION, INDEX])
@pytest.mark.parametrize("uid", [BOB, 0], ids=["by another user", "by root"])
def test_no_command_runs_code_of_another_users_home(place: Path, uid: int, way: str) -> None:
    home, left = prepared(place, way, owner=ALICE)
    before = sorted(home.rglob("*"))

    ended = run_as(uid, RUN_ALL, json.dumps(command_lines(home)), place)

    assert not left.exists()
    assert sorted(home.rglob("*")) == before
    for name, (code, out, err) in ended.items():
        said = str(out if name == "check" else err)
        assert code == 2, (name, out, err)
        assert f"{home} belongs to another user, uid {ALICE}" in said, name
        if name != "check":
            assert said.count("\n") == 1, name
        if uid:
            assert "name a home of your own with --home" in said, name
        else:
            words = command_lines(home)[name]
            assert f"sudo -u '#{ALICE}' {COMMAND} {words[0]}" in said, name
            assert f"--home {home}" in said, name


@needs_root
@pytest.mark.parametrize("way", [CONFIGURATION, INDEX])
@pytest.mark.parametrize("uid", [BOB, 0], ids=["by another user", "by root"])
def test_nothing_else_runs_code_of_another_users_home(place: Path, uid: int, way: str) -> None:
    home, left = prepared(place, way, owner=ALICE)

    said = run_as(uid, ENTER_ALL, str(home), place)

    assert not left.exists()
    for name, text in said.items():
        assert f"{home} belongs to another user, uid {ALICE}" in str(text), (name, text)
    assert not (home / "etc" / "uuid.txt").exists()


@needs_root
def test_the_default_home_of_a_shared_folder_is_judged_too(place: Path) -> None:
    home, left = prepared(place, CONFIGURATION, owner=ALICE)
    home.rename(place / "instance")

    [(code, _, err)] = run_as(0, RUN_ALL, json.dumps({"status": ["status"]}), place).values()

    assert not left.exists()
    assert code == 2
    assert f"sudo -u '#{ALICE}' {COMMAND} status --home {place / 'instance'}" in str(err)


@needs_root
@pytest.mark.parametrize("owner", [ALICE, 0])
def test_a_home_that_is_closed_to_its_reader_says_so_too(place: Path, owner: int) -> None:
    home = own_home(place)
    home.data_fs.touch()
    give(home.path, owner)

    lines = command_lines(home.path)
    for name, (code, out, err) in run_as(BOB, RUN_ALL, json.dumps(lines), place).items():
        said = str(out if name == "check" else err)
        assert code == 2, (name, out, err)
        assert "name a home of your own with --home" in said, name
        assert "Permission denied" not in said, name


@needs_root
def test_another_users_file_in_a_home_is_named_with_what_makes_it_ones_own(place: Path) -> None:
    home = own_home(place)
    for path in (home.config_file, home.data_fs):
        path.touch()
        give(path, BOB)
        with pytest.raises(UntrustedHome) as raised:
            home.require_trusted()
        assert str(raised.value) == (
            f"{path} belongs to another user, uid {BOB}: chown -hR root {path}"
        )
        path.unlink()


@needs_root
def test_a_user_may_have_a_configuration_of_roots(place: Path) -> None:
    home = own_home(place)
    home.config_file.write_text("<zcasync>\n</zcasync>\n")
    for path in (home.log, home.var):
        give(path, ALICE)
    home.path.chmod(0o755)
    (home.path / "etc").chmod(0o755)
    home.config_file.chmod(0o644)

    as_user(ALICE, home.require_trusted)
    home.data_fs.touch()
    as_user(ALICE, lambda: refused(home, f"{home.data_fs} belongs to another user, root (uid 0)"))


# the homes that others may write


def own_home(folder: Path) -> Home:
    home = Home(folder / "home")
    home.create()
    return home


def refused(home: Home, why: str) -> None:
    """Assert that a home is refused in every way that this process can take, and for what."""
    for enter in (Home.find, zcasync.open, getUUID, readUUID, lambda _: home.create()):
        with pytest.raises(UntrustedHome) as raised:
            enter(home.path)
        assert why in str(raised.value)


FOLDERS = [".", "etc", "log", "var", "var/blobs"]
FILES = [
    "etc/uuid.txt", "etc/zcasync.conf", "etc/other.conf", "log/zcasync.log", "var/Data.fs",
    "var/Data.fs.index", "var/Data.fs.lock", "var/Data.fs.old", "var/Data.fs.pack",
    "var/Data.fs.tmp", "var/last_pass.json", "var/packed.json", "var/supervisor.json",
    "var/supervisor.new", "var/supervisor.lock", "var/zeo.json",
]  # fmt: skip


@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
@pytest.mark.parametrize(("bit", "who"), [(0o002, "by all users"), (0o020, "by group ")])
def test_what_others_may_write_is_refused(folder: Path, name: str, bit: int, who: str) -> None:
    home = own_home(folder)
    path = home.path / name
    if name in FILES:
        path.touch()
        path.parent.chmod(0o711)
    path.mkdir(exist_ok=True) if name in FOLDERS else None
    path.chmod(0o700 | bit)

    refused(home, f"{path} can be written {who}")
    refused(home, f": chmod go-w {path}")
    path.chmod(0o700)
    home.require_trusted()


@needs_root
def test_a_volume_of_roots_can_be_made_ones_own(place: Path) -> None:
    """Empty, and open to all users, as platforms give it to containers."""
    volume = place / "volume"
    (volume / "lost+found").mkdir(parents=True)
    volume.chmod(0o777)
    said = as_user(ALICE, [sys.executable, "-c", REQUIRE, volume]).stdout
    assert said.startswith(f"{volume} can be written by all users (mode 0777): ")

    command = said.split(": ")[1]
    assert command.strip() == f"sudo chown {ALICE} {volume} && sudo chmod go-w {volume}"
    subprocess.run(command.replace("sudo ", ""), shell=True, check=True)

    as_user(ALICE, lambda: Home(volume).create())


@needs_root
def test_a_home_in_a_volume_of_roots_can_be_listed(place: Path) -> None:
    volume, config = place / "volume", place / "config"
    for folder in (volume, config):
        folder.mkdir()
        folder.chmod(0o777)
    give(config, ALICE)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(config)}
    argv = [sys.executable, "-c", REQUIRE, volume / "home"]
    said = as_user(ALICE, argv, env=environment).stdout
    assert said.startswith(f"{volume} can be written by all users (mode 0777), who could put ")

    as_user(ALICE, ["/bin/sh", "-c", "umask 0; " + said.split("list it: ")[1]])

    assert as_user(ALICE, argv, env=environment).stdout == ""


def test_a_folder_that_is_no_home_is_left_alone(folder: Path) -> None:
    (folder / "var").mkdir()
    (folder / "etc").mkdir()
    folder.chmod(0o777)
    refused(Home(folder), f"{folder} is no instance home, but in use for something else")
    for name in ("etc/uuid.txt", "etc/zcasync.conf", "var/Data.fs"):
        (folder / name).symlink_to("nothing")
        refused(Home(folder), f": chmod go-w {folder}")
        (folder / name).unlink()
    (folder / "log").mkdir()
    refused(Home(folder), f": chmod go-w {folder}")


def test_what_an_editor_lays_beside_a_configuration_is_not_read(folder: Path) -> None:
    """Emacs has such a link while a file is changed, vi a swap file and a copy."""
    home = own_home(folder)
    (home.path / "etc" / ".#zcasync.conf").symlink_to("somebody@host.4711:1764400000")
    for name in (".zcasync.conf.swp", "zcasync.conf~", "#zcasync.conf#", "README"):
        (home.path / "etc" / name).touch()
        (home.path / "etc" / name).chmod(0o666)
    home.require_trusted()


def test_what_a_group_may_write_but_not_reach_is_right(folder: Path) -> None:
    """As a user whose umask is 002 makes files, in the folders that are made closed."""
    home = own_home(folder)
    for name in ("etc/zcasync.conf", "var/Data.fs"):
        path = home.path / name
        path.touch()
        path.chmod(0o664)
        home.require_trusted()
        path.parent.chmod(0o710)
        refused(home, f"{path} can be written by group ")
        path.parent.chmod(0o701)  # to some folders a group comes as all others do
        refused(home, f"{path} can be written by group ")
        path.parent.chmod(0o700)
    elsewhere = folder / "elsewhere"
    home.data_fs.rename(elsewhere)
    home.data_fs.symlink_to(elsewhere)
    refused(home, f"{home.data_fs} can be written by group ")


def test_one_command_closes_all_that_is_open(folder: Path) -> None:
    home = own_home(folder)
    for path in (home.path, home.log):
        path.chmod(0o777)

    refused(home, f": chmod go-w {home.path} {home.log}")


def test_the_command_to_close_a_path_can_be_pasted(folder: Path) -> None:
    home = Home(folder / "it's a home; rm -rf")
    home.create()
    home.var.chmod(0o777)
    with pytest.raises(UntrustedHome) as raised:
        home.require_trusted()

    subprocess.run(["sh", "-c", str(raised.value).split(": ", 1)[1]], check=True)

    home.require_trusted()


# links


def test_nothing_is_appended_through_a_link(folder: Path) -> None:
    home = own_home(folder)
    victim = folder / "victim"
    victim.write_text("as it was")
    for name in FILES[3:]:
        if name != "var/Data.fs":
            (home.path / name).symlink_to(victim)
            refused(home, f"{home.path / name} is a link, through which nothing is written")
            (home.path / name).unlink()
    assert victim.read_text() == "as it was"


@needs_root
def test_a_link_of_another_user_is_refused_and_nothing_behind_it_changes(place: Path) -> None:
    home = own_home(place)
    victim = place / "victim"
    victim.mkdir(mode=0o755)
    for name in ("var", "etc", "log"):
        (home.path / name).rmdir()
        (home.path / name).symlink_to(victim)
        os.chown(home.path / name, BOB, BOB, follow_symlinks=False)
        refused(home, f"{home.path / name} belongs to another user, uid {BOB}")
        (home.path / name).unlink()
        (home.path / name).mkdir(mode=0o700)
    assert victim.stat().st_mode & 0o777 == 0o755


@needs_root
def test_a_link_to_another_users_folder_is_refused(place: Path) -> None:
    home = own_home(place)
    victim = place / "victim"
    victim.mkdir()
    give(victim, BOB)
    victim.chmod(0o755)
    home.var.rmdir()
    home.var.symlink_to(victim)

    refused(home, f"{home.var} belongs to another user, uid {BOB}")
    assert victim.stat().st_mode & 0o777 == 0o755


def test_a_link_to_nothing_is_refused(folder: Path) -> None:
    home = own_home(folder)
    home.data_fs.symlink_to(folder / "created")

    refused(home, f"{home.data_fs} is a link that leads to nothing")
    home.data_fs.unlink()
    home.data_fs.symlink_to(home.data_fs)
    refused(home, f"{home.data_fs} is a link that leads to nothing")


def test_the_users_own_links_to_another_disk_work(folder: Path) -> None:
    home = own_home(folder)
    disk = folder / "disk"
    for path in (home.var, home.log):
        path.rmdir()
        (disk / path.name).mkdir(parents=True)
        path.symlink_to(disk / path.name)
    (disk / "Data.fs").touch()
    home.data_fs.symlink_to(disk / "Data.fs")
    (folder / "app.conf").touch()
    home.config_file.symlink_to(folder / "app.conf")

    home.create()
    home.require_trusted()


# the errors of what is no home, and what all of it costs


def test_a_home_that_is_not_there_is_nobodys(folder: Path) -> None:
    assert Home.find(folder / "home").path == folder / "home"
    assert readUUID(folder / "home") is None


def test_a_path_that_is_too_long_is_no_home(folder: Path) -> None:
    assert Home.find(folder / ("x" * 300)).path.name == "x" * 300


def test_an_untrusted_home_is_a_wrong_configuration() -> None:
    assert issubclass(UntrustedHome, ConfigurationError)


def test_a_judgement_looks_at_few_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = own_home(folder)
    for number in range(100):
        (home.blobs / str(number)).mkdir(parents=True)
    looks: list[Path] = []
    monkeypatch.setattr(Path, "stat", counted(Path.stat, looks))  # which lstat() asks too

    home.require_trusted()

    assert len(looks) < 50


def counted(look: Callable[..., os.stat_result], looks: list[Path]) -> Callable[..., object]:
    def count(path: Path, **options: bool) -> os.stat_result:
        looks.append(path)
        return look(path, **options)

    return count
