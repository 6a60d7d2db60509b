"""Whose server may listen at a unix socket, and who listens there."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import zcasync
from tests.support.other_users import give, only_root
from tests.support.strangers import STRANGER, echo, stranger_at, trapped_database
from zcasync.database.client import is_served
from zcasync.database.opening import open_databases, open_servers
from zcasync.database.sync import connected
from zcasync.errors import ConfigurationError, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.settings import load
from zcasync.protocol.control_client import ControlClient
from zcasync.unix_sockets import (
    Peer,
    make_own_folder,
    peer_of,
    require_closed_folder,
    require_trusted_folder,
    require_trusted_peer,
    trusted_users,
)

US = frozenset((os.geteuid(), 0))


@pytest.fixture
def open_folder(folder: Path) -> Path:
    """As the temporary folder: all may write there, and remove what is theirs."""
    made = folder / "tmp"
    made.mkdir()
    made.chmod(0o1777)
    folder.chmod(0o755)
    return made


def test_the_kernel_tells_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == Peer(os.geteuid(), os.getpid())


# folders


def test_a_folder_is_made_closed_and_one_of_ours_is_closed(open_folder: Path) -> None:
    folder = open_folder / "sockets"
    for _ in range(2):
        make_own_folder(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match=f"mode 0755.*chmod 700 {folder}"):
        require_closed_folder(folder / "s")
    folder.chmod(0o700)
    require_closed_folder(folder / "s")


def test_a_link_is_no_folder_of_ours(open_folder: Path, folder: Path) -> None:
    mine = folder / "mine"
    mine.mkdir(mode=0o755)
    (open_folder / "sockets").symlink_to(mine)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        make_own_folder(open_folder / "sockets")
    assert stat.S_IMODE(mine.stat().st_mode) == 0o755


def test_a_missing_folder_holds_no_socket(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot hold a socket: No such file"):
        require_closed_folder(folder / "none" / "s")
    require_trusted_folder(folder / "none" / "s")


@only_root
def test_a_folder_of_another_user_is_never_used(open_folder: Path) -> None:
    theirs = open_folder / "sockets"
    theirs.mkdir(mode=0o755)
    give(theirs, STRANGER)
    for use in (require_trusted_folder, require_closed_folder):
        with pytest.raises(ConfigurationError, match=r"belongs to another user \(uid 12346\)"):
            use(theirs / "s")
    with pytest.raises(ConfigurationError, match=f"as root, rm -r {theirs}"):
        make_own_folder(theirs)


@only_root
def test_a_link_of_another_user_leads_to_no_server(open_folder: Path, folder: Path) -> None:
    mine = folder / "mine"
    mine.mkdir(mode=0o700)
    link = open_folder / "sockets"
    link.symlink_to(mine)
    require_trusted_folder(link / "s")
    give(link, STRANGER)
    (mine / "var").mkdir(mode=0o700)
    for path in (link / "s", link / "var" / "s"):
        if _is_refused_by_the_kernel(path.parent):  # fs.protected_symlinks: nobody gets there
            continue
        with pytest.raises(ConfigurationError, match=f"{link} belongs to another user"):
            require_trusted_folder(path)


def _is_refused_by_the_kernel(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True
    return False


# servers of other accounts


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder, all the way to which only root and its owner have laid."""
    made = Path("/run") / f"zcasync-test-{os.getpid()}"
    made.mkdir(mode=0o755)
    try:
        yield made
    finally:
        for one in sorted(made.rglob("*"), reverse=True):
            one.rmdir() if one.is_dir() and not one.is_symlink() else one.unlink()
        made.rmdir()


@only_root
def test_the_owner_of_a_closed_folder_may_serve_there(closed: Path) -> None:
    give(closed, STRANGER)
    assert trusted_users(closed / "s") == US | {STRANGER}
    with stranger_at(closed / "s", echo), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(closed / "s"))
        require_trusted_peer(client, closed / "s")


@only_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_but_not_where_others_could_have_made_the_socket(closed: Path, mode: int) -> None:
    give(closed, STRANGER)
    closed.chmod(mode)
    assert trusted_users(closed / "s") == US


@only_root
def test_nor_where_others_could_have_made_the_folder(closed: Path, open_folder: Path) -> None:
    theirs = open_folder / "sockets"
    theirs.mkdir(mode=0o755)
    give(theirs, STRANGER)
    assert trusted_users(theirs / "s") == US
    (closed / "link").symlink_to(theirs)  # the way leads through there all the same
    assert trusted_users(closed / "link" / "s") == US
    give(closed, STRANGER)
    (open_folder / "link").symlink_to(closed)
    assert trusted_users(open_folder / "link" / "s") == US


def test_links_that_lead_in_a_circle_lead_nowhere(folder: Path) -> None:
    (folder / "one").symlink_to("../" + folder.name + "/two")
    (folder / "two").symlink_to("../" + folder.name + "/one")
    assert trusted_users(folder / "one" / "s") == US
    require_trusted_folder(folder / "one" / "s")


@only_root
def test_the_owner_of_a_home_that_is_trusted_may_serve_it(open_folder: Path) -> None:
    theirs = open_folder / "home"
    theirs.mkdir(mode=0o700)
    give(theirs, STRANGER)
    assert trusted_users(theirs / "s", STRANGER) == US | {STRANGER}
    require_closed_folder(theirs / "s", STRANGER)
    with stranger_at(theirs / "s", echo), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(theirs / "s"))
        require_trusted_peer(client, theirs / "s", STRANGER)
        with pytest.raises(ConfigurationError):
            require_trusted_peer(client, theirs / "s")


def test_in_a_folder_that_is_missing_only_we_and_root_may(folder: Path) -> None:
    assert trusted_users(folder / "none" / "s") == US


# clients


@only_root
def test_nothing_is_asked_of_a_foreign_supervisor(open_folder: Path) -> None:
    path = open_folder / "control.sock"
    with stranger_at(path, echo):
        with pytest.raises(
            ConfigurationError, match=f"at {path} a process of another user answers"
        ):
            ControlClient(path, 5).status()
        with socket.socket(socket.AF_UNIX) as last:  # it serves one after the other
            last.connect(str(path))
            last.sendall(b"only this")
            last.recv(1)
        assert (open_folder / "heard").read_bytes() == b"only this"


@pytest.fixture
def long_home(folder: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose sockets are in the temporary folder of all users."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(open_folder))
    home = Home(folder / ("x" * 100))
    home.create()
    home.place_sockets()
    return home


@only_root
@pytest.mark.parametrize("whose", ["folder", "server"])
def test_no_code_of_a_foreign_server_runs_in_a_client(
    long_home: Home, folder: Path, whose: str
) -> None:
    """In his folder at the place of ours; and in ours, with a socket that came there somehow."""
    path, mark = long_home.zeo_socket, folder / "mark"
    path.parent.chmod(0o777)
    folder.chmod(0o1777)
    long_home.path.chmod(0o755)
    if whose == "folder":
        give(path.parent, STRANGER)
    with stranger_at(path, trapped_database(mark)):
        path.parent.chmod(0o700)
        with pytest.raises(ConfigurationError, match="another user"):
            is_served(long_home)
        with pytest.raises(ConfigurationError, match="another user"):
            zcasync.open(long_home.path)
        with pytest.raises((ConfigurationError, StorageAway)):  # as children and supervisors do
            open_databases(long_home, load(long_home), 1)
        with pytest.raises(StorageAway):
            open_servers({"main": [[str(path)], "1"]}, 1)
    assert not mark.exists()


@only_root
def test_a_configured_server_of_its_own_account_is_trusted_by_its_folder_only(
    closed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    give(closed, STRANGER)
    path = closed / "s"
    config = folder / "zcasync.conf"
    config.write_text(f"<zodb>\n<zeoclient>\nserver {path}\n</zeoclient>\n</zodb>\n")
    home = Home(folder)
    with stranger_at(path, trapped_database(folder / "mark")):
        db = open_databases(home, load(home, config), 10)
        with connected(db) as connection:
            list(connection.root())
        assert (folder / "mark").exists()
        db.close()
        (folder / "mark").rmdir()
        closed.chmod(0o777)
        with pytest.raises(StorageAway, match=f"{closed} belongs to another user"):
            open_databases(home, load(home, config), 1)
        assert not (folder / "mark").exists()
    assert len([one for one in caplog.messages if "belongs to another user" in one]) == 1
