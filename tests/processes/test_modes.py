"""The modes of all that a supervisor, its server, its children and its clients put into a home."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ZODB.blob import Blob

from tests.processes.servers import BECOME_SERVER
from tests.support.instance import Instance
from tests.support.umasks import umask
from zcasync.cli.main import execute
from zcasync.instance.home import Home
from zcasync.instance.trust import AS_ROOT
from zcasync.supervisor.zeo_server.__main__ import EXIT_UNUSABLE

#: What a server is told besides its paths.
SETTINGS = {"transaction_timeout": 30, "resolve_conflicts": []}


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whatever is made without care is open to all users."""
    with umask(0):
        yield


def test_a_home_is_closed_to_others_whatever_the_umask(
    open_umask: None, make_instance: Callable[..., Instance]
) -> None:
    instance = make_instance(config=None).start()
    client = instance.client
    blob = client.add("blob", Blob(b"a file"))
    mask = client.wait_for(client.put(os.umask, 0o027))
    assert blob.open().read() == b"a file"

    assert wider(instance.home) == []
    assert instance.output.count(AS_ROOT) == instance.log.count(AS_ROOT) == (os.geteuid() == 0)
    assert mask == 0, "a job sees the umask with which its supervisor was started"
    assert instance.stop() == 0
    for command in (["pack", "--days", "0"], ["check", "--deep", "--repair"]):
        assert execute([*command, "--home", str(instance.home)]) == 0
    assert wider(instance.home) == []


def wider(folder: Path) -> list[str]:
    """The folders and files that others may use; what is in the closed one of blobs is ZODB's."""
    blobs = folder / "var" / "blobs"
    paths = [folder, *(path for path in folder.rglob("*") if blobs not in path.parents)]
    found = ((path, path.lstat().st_mode) for path in paths)
    return [f"{path}: {stat.filemode(mode)}" for path, mode in found if mode & 0o077]


def test_a_database_server_opens_nothing_that_others_can_write(folder: Path) -> None:
    home = Home(folder / "home")
    home.create()
    home.var.chmod(0o777)
    paths = {"home": home.path, "data_fs": home.data_fs, "blobs": home.blobs, "socket": folder}
    spec = {name: str(path) for name, path in paths.items()}
    lifeline, ours = os.pipe()
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-c", BECOME_SERVER, str(lifeline)),
                *("-m", "zcasync.supervisor.zeo_server"),
                json.dumps({**spec, **SETTINGS, "parent": os.getpid()}),
            ],
            pass_fds=[lifeline],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.close(lifeline)
        os.close(ours)

    assert done.returncode == EXIT_UNUSABLE
    assert done.stdout.endswith(f": chmod go-w {home.var}\n")
    assert list(home.var.iterdir()) == []
