"""The place of the sockets of a home whose path is too long for them."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.support.other_users import give, only_root
from tests.support.strangers import STRANGER
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home


@pytest.fixture
def shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder, without a runtime directory."""
    made = folder / "tmp"
    made.mkdir()
    made.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(made))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return made


@pytest.fixture
def runtime(folder: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime directory of this user."""
    made = folder / "run"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
    return made


@pytest.fixture
def home(folder: Path, shared: Path) -> Home:
    return Home(folder / ("x" * 100))


def prepare(home: Home) -> None:
    """Make a home and the place of its sockets, as a supervisor does that may serve it."""
    home.create()
    home.place_sockets()


def sockets(home: Home) -> Path:
    assert home.zeo_socket.parent == home.control_socket.parent
    return home.control_socket.parent


def test_they_are_in_the_runtime_directory(home: Home, runtime: Path) -> None:
    prepare(home)
    assert sockets(home).parent == runtime
    assert stat.S_IMODE(sockets(home).stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["open", "relative", "missing", "link", "long", "empty"])
def test_a_runtime_directory_that_is_not_ours_alone_is_none(
    home: Home, runtime: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "open":
        runtime.chmod(0o755)
    elif what == "link":
        link = runtime.with_name("link")
        link.symlink_to(runtime)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(link))
    elif what == "long":
        long = runtime / ("y" * 80)
        long.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    else:
        monkeypatch.chdir(runtime.parent)
        names = {"relative": "run", "missing": "/no/such/folder", "empty": ""}
        monkeypatch.setenv("XDG_RUNTIME_DIR", names[what])
    prepare(home)
    assert sockets(home).parent == shared


def test_a_client_without_a_runtime_directory_finds_them_and_so_does_the_next_supervisor(
    home: Home, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(home)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert sockets(home).parent == runtime
    shutil.rmtree(sockets(home))
    prepare(home)
    assert sockets(home).parent == runtime
    assert sockets(home).is_dir()


def test_a_client_with_a_runtime_directory_finds_those_in_the_temporary_folder(
    home: Home, runtime: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as service:
        service.delenv("XDG_RUNTIME_DIR")
        prepare(home)
    assert sockets(home).parent == shared
    (home.var / "sockets.json").unlink()  # of an older version, which writes none
    assert sockets(home).parent == shared


def test_a_runtime_directory_that_is_gone_is_replaced(
    home: Home, runtime: Path, shared: Path
) -> None:
    prepare(home)
    shutil.rmtree(runtime)
    prepare(home)
    assert sockets(home).parent == shared


def test_the_copy_of_a_home_has_a_place_of_its_own(home: Home, folder: Path) -> None:
    prepare(home)
    copy = Home(folder / ("z" * 100))
    shutil.copytree(home.path, copy.path)
    assert sockets(copy) != sockets(home)
    prepare(copy)
    assert sockets(copy) != sockets(home)


@pytest.mark.parametrize("text", ["", "[]", '{"folder": 3}', '{"folder": "/etc"}', "{}", "\0"])
def test_a_record_that_makes_no_sense_is_none(home: Home, shared: Path, text: str) -> None:
    prepare(home)
    record = home.var / "sockets.json"
    assert json.loads(record.read_text()) == {"folder": str(sockets(home))}
    record.write_text(text)
    assert sockets(home).parent == shared


@only_root
def test_a_foreign_folder_at_the_place_is_never_used(home: Home, shared: Path) -> None:
    sockets(home).mkdir(mode=0o777)
    give(sockets(home), STRANGER)
    with pytest.raises(ConfigurationError, match=f"as root, rm -r {sockets(home)}"):
        prepare(home)
    assert list(sockets(home).iterdir()) == []
    assert sockets(home).stat().st_uid == STRANGER


@only_root
def test_another_folder_is_used_where_there_is_one(
    home: Home, shared: Path, runtime: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as service:
        service.delenv("XDG_RUNTIME_DIR")
        prepare(home)
    taken = sockets(home)
    give(taken, STRANGER)
    prepare(home)
    assert sockets(home).parent == runtime
    (line,) = caplog.messages
    assert f"{taken} belongs to another user" in line


def test_a_short_home_keeps_them_itself(folder: Path, runtime: Path) -> None:
    home = Home(folder / "home")
    prepare(home)
    assert sockets(home) == home.var
    assert list(runtime.iterdir()) == []
    home.var.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"chmod 700 {home.var}"):
        home.place_sockets()


def test_the_name_of_the_folder_has_the_user_in_it(home: Home) -> None:
    assert sockets(home).name.startswith(f"zcasync-{os.geteuid()}-")


def test_a_temporary_folder_that_is_too_long_is_named_with_what_to_do(
    home: Home, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = shared / ("y" * 80)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(ConfigurationError) as found:
        prepare(home)
    (problem,) = found.value.problems
    assert f"{long}/zcasync-" in problem
    assert "set TMPDIR to a folder with a shorter path" in problem
    assert list(long.iterdir()) == [], "nothing is left there"
    assert not home.socket_place.record.exists()
    assert problem in home.socket_place.problems()


def test_a_short_runtime_directory_makes_up_for_a_long_temporary_one(
    home: Home, shared: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(shared / ("y" * 80)))
    prepare(home)
    assert sockets(home).parent == runtime
    assert home.socket_place.problems() == []
