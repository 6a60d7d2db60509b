"""A home is closed to others whatever the umask of what works in it, and a check says where not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.jobs import blobs
from tests.processes.test_closed_streams import ways
from tests.support.instance import SHORT, Instance

UMASK = ["sh", "-c", 'umask 0; exec "$@"', "sh"]


def open_to_others(home: Path) -> list[str]:
    """What others may do anything with, with its mode."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [home, *home.rglob("*")]}
    return [f"{path} {mode:04o}" for path, mode in modes.items() if mode & 0o077]


@pytest.mark.parametrize("way", range(2), ids=["zcasync", "twistd"])
def test_nothing_is_open_to_others(make_instance: Callable[..., Instance], way: int) -> None:
    instance = make_instance()
    before = open_to_others(instance.home)  # what the test itself has made
    instance.launch([*UMASK, *list(ways(instance.home))[way]]).wait_until_ready()
    home, client = instance.home, instance.client
    for number in range(10):
        assert client.wait_for(client.put(jobs.echo, number)) == ((number,), {})
    client.wait_for(client.put(blobs.picture, 10))
    assert open_to_others(home) == before
    for path in (home / "var" / "zeo.sock", home / "var" / "control.sock"):
        path.unlink()
    client.wait_until(lambda: (home / "var" / "zeo.sock").exists(), "the database's socket")
    assert open_to_others(home) == before
    instance.stop()
    umask = os.umask(0)
    try:
        for words in (["pack"], ["check", "--deep", "--repair"], ["status"]):
            assert finish(start(*words, "--home", home)).code == 0
    finally:
        os.umask(umask)
    assert open_to_others(home) == before


def test_a_check_names_what_is_open_with_what_closes_it(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SHORT).start()
    rotated = instance.home / "log" / "zcasync.log.1"
    rotated.write_text("")
    rotated.chmod(0o666)
    lock = instance.home / "var" / "supervisor.lock"
    lock.chmod(0o622)
    done = finish(start("check", "--json", "--home", instance.home))
    assert done.code == 2
    assert any(f"chmod go-w {lock}" in one for one in done.json["problems"]), done.json
    lock.chmod(0o600)
    done = finish(start("check", "--json", "--home", instance.home))
    assert done.code == 0
    assert (
        f"{rotated} is open to other users (mode 0666): chmod 600 {rotated}"
        in (done.json["warnings"])
    )
