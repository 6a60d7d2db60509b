"""The instance home: its paths, its folders, its sockets."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.unix_sockets import SOCKET_PATH_LIMIT_BYTES


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_named_home_wins_over_the_environment_and_that_over_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTANCE_HOME", "/from/the/environment")

    assert Home.find("named").path == tmp_path / "named"
    assert Home.find().path == Path("/from/the/environment")
    monkeypatch.setenv("INSTANCE_HOME", "")
    assert Home.find().path == tmp_path / "instance"


def test_the_files_of_a_home_are_where_the_manual_says() -> None:
    home = Home(Path("/h"))

    assert [
        str(path)
        for path in (
            home.uuid_file, home.config_file, home.data_fs, home.zeo_socket, home.control_socket,
            home.log,
        )
    ] == [
        "/h/etc/uuid.txt", "/h/etc/zcasync.conf", "/h/var/Data.fs", "/h/var/zeo.sock",
        "/h/var/control.sock", "/h/log",
    ]  # fmt: skip


def test_a_home_is_made_with_a_closed_folder_for_its_data(folder: Path) -> None:
    home = Home(folder / "new" / "home")
    home.create()
    home.create()

    assert all(path.is_dir() for path in (home.path / "etc", home.log, home.var))
    assert mode(home.var) == 0o700


def test_an_open_folder_is_closed(folder: Path) -> None:
    home = Home(folder)
    home.var.mkdir()
    home.var.chmod(0o755)
    home.create()

    assert mode(home.var) == 0o700


def test_the_folder_for_data_may_be_a_link_to_another_disk(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    home = Home(folder / "home")
    home.path.mkdir()
    home.var.symlink_to(disk)
    home.create()

    assert home.var.is_symlink()
    assert mode(disk) == 0o700


@pytest.fixture
def long_home(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose path is too long for sockets; ``folder`` is the system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return Home(tmp_path / ("x" * 100))


def test_sockets_of_a_long_home_are_in_a_short_closed_folder(long_home: Home, folder: Path) -> None:
    long_home.create()
    long_home.place_sockets()

    [short] = folder.iterdir()
    assert long_home.control_socket == short / "control.sock"
    assert long_home.zeo_socket == short / "zeo.sock"
    assert short.name.startswith(f"zcasync-{os.getuid()}-")
    assert len(os.fsencode(long_home.control_socket)) <= SOCKET_PATH_LIMIT_BYTES
    assert mode(short) == mode(long_home.var) == 0o700
    assert long_home.data_fs == long_home.path / "var" / "Data.fs"


def test_two_long_homes_have_different_folders(long_home: Home) -> None:
    other = Home(long_home.path.with_name("y" * 100))

    assert other.zeo_socket.parent != long_home.zeo_socket.parent
    again = Home(long_home.path / ".." / long_home.path.name)
    long_home.create()
    assert again.zeo_socket == long_home.zeo_socket


def test_the_limit_of_a_socket_path_is_in_bytes_and_to_the_byte() -> None:
    overhead = len("/" + "/var/control.sock")
    fits = Home(Path("/" + "x" * (SOCKET_PATH_LIMIT_BYTES - overhead)))
    assert len(os.fsencode(fits.control_socket)) == SOCKET_PATH_LIMIT_BYTES
    assert fits.control_socket.parent == fits.var

    for too_long in ("x" * (SOCKET_PATH_LIMIT_BYTES - overhead + 1), "ä" * 50):
        assert Home(Path("/" + too_long)).control_socket.parent.parent == Path(
            tempfile.gettempdir()
        )


def test_a_short_folder_that_is_a_link_is_refused(long_home: Home, folder: Path) -> None:
    trap = folder / "trap"
    trap.mkdir()
    long_home.control_socket.parent.symlink_to(trap)
    long_home.create()

    with pytest.raises(ConfigurationError, match="belongs to another user"):
        long_home.place_sockets()


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(folder)
    home.create()
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)

    with pytest.raises(ConfigurationError, match="belongs to another user"):
        home.create()


def test_a_home_that_cannot_be_made_is_an_error_with_its_path(folder: Path) -> None:
    (folder / "file").write_text("in the way")

    for path in (folder / "file", folder / "file" / "below"):
        with pytest.raises(ConfigurationError, match=f"home {path} cannot be used"):
            Home(path).create()


def test_a_home_that_is_not_there_is_an_error_that_says_what_to_do(folder: Path) -> None:
    Home(folder).require()
    with pytest.raises(ConfigurationError, match=r"there is no instance home at .*zcasync run"):
        Home(folder / "nothing").require()
