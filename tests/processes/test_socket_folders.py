"""Real supervisors whose sockets are outside of their homes."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import finish, frozen, start
from tests.jobs import basic as jobs
from tests.support.instance import Instance
from tests.support.other_users import give, only_root
from tests.support.strangers import STRANGER
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.protocol.control_client import ControlClient
from zcasync.testing.waiting import wait_until


@pytest.fixture
def shared(folder: Path) -> Path:
    made = folder / "tmp"
    made.mkdir()
    made.chmod(0o1777)
    return made


@pytest.fixture
def long(make_instance: Callable[..., Instance], shared: Path) -> Instance:
    """A supervisor of a home with a long path, in an environment without a runtime directory."""
    instance = make_instance(name="long" * 30, children=1)
    instance.environment = {"TMPDIR": str(shared), "XDG_RUNTIME_DIR": ""}
    return instance


def works(instance: Instance) -> bool:
    return instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})


def test_clients_and_the_next_supervisor_find_the_sockets_whatever_their_environment(
    long: Instance, shared: Path, folder: Path
) -> None:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    long.environment["XDG_RUNTIME_DIR"] = str(runtime)
    long.start()
    assert Home(long.home).zeo_socket.parent.parent == runtime
    assert works(long)
    client = long.new_client()  # an application, which stays
    shutil.rmtree(runtime)  # as at a logout
    assert long.stop() == 0
    long.environment["XDG_RUNTIME_DIR"] = ""
    long.start()
    assert Home(long.home).zeo_socket.parent.parent == shared
    assert works(long)
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
    client.close()


def test_a_refused_supervisor_leaves_it_written_where_the_sockets_are(
    long: Instance, shared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    long.environment["XDG_RUNTIME_DIR"] = str(runtime)
    long.start()
    record = Home(long.home).socket_place.record
    before = record.read_bytes()
    assert str(runtime).encode() in before
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    with frozen(long.pid):  # it would make its sockets anew
        runtime.rename(folder / "away")
        done = finish(start("run", "--home", long.home))
        assert done.code == 2
        assert f"is served by process {long.pid}" in done.error
        assert record.read_bytes() == before
        assert list(shared.iterdir()) == []
        (folder / "away").rename(runtime)
    assert long.status()["pid"] == long.pid


@only_root
def test_a_foreign_folder_keeps_a_supervisor_from_starting(
    long: Instance, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    place = Home(long.home).control_socket.parent
    place.mkdir(mode=0o777)
    give(place, STRANGER)
    long.launch()
    assert long.wait() == 2
    assert f"{place} belongs to another user (uid {STRANGER})" in long.output
    assert f"rm -r {place}" in long.output
    assert list(place.iterdir()) == []


@only_root
def test_a_folder_that_another_user_has_taken_meanwhile_is_not_used(long: Instance) -> None:
    long.start()
    home = Home(long.home)
    place = home.control_socket.parent
    assert works(long)
    server = long.status()["server_pid"]
    shutil.rmtree(place)
    place.mkdir(mode=0o777)
    give(place, STRANGER)
    wait_until(
        lambda: long.log.count(f"is gone: {place} belongs to another user") == 2,
        "it to say so, of both sockets",
        seen=long.evidence,
    )
    assert list(place.iterdir()) == []
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        ControlClient(home.control_socket, 5)
    assert works(long), "what is connected stays connected"
    shutil.rmtree(place)
    wait_until(home.control_socket.exists, "the control socket", seen=long.evidence)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    wait_until(home.zeo_socket.exists, "that of the database", seen=long.evidence)
    assert long.status()["server_pid"] == server
    assert works(long)
    long.close_client()
    assert works(long)


def test_a_temporary_folder_that_is_too_long_is_told_with_what_to_do(
    long: Instance, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / ("y" * 80)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    for words in ("run", "check"):
        done = finish(start(words, "--home", long.home))
        assert done.code == 2
        assert "set TMPDIR to a folder with a shorter path" in done.out + done.err
        assert "Traceback" not in done.err
    done = finish(start("stop", "--home", long.home))
    assert done.code == 3
    assert "no supervisor runs for" in done.error
    assert list(folder.iterdir()) == []
