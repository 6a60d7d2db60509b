"""Supervisors on one machine of which one may not see the other's process (``hidepid=2``)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.instance import ROOT, Instance
from zcasync.testing.waiting import wait_until

CONFIG = (
    AT_SERVER
    + """
<zcasync>
  poll-seconds 1
</zcasync>
"""
)
#: Of another user, who sees in its /proc only what is its own.  The /proc is a new one: a remount
#: would change that of the whole machine.  The one capability is for an interpreter in a folder of
#: root's.
NOBODY = 65534
HIDDEN = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t proc -o hidepid=2 proc /proc"
    f" && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --pdeathsig=KILL"
    ' --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"',
    "sh",
]


def can_hide() -> bool:
    """Whether we may, and whether that user can run what is installed here."""
    if os.getuid() != 0:
        return False
    look = f"import os, zcasync, sys; sys.exit(os.path.exists('/proc/{os.getpid()}/stat'))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        made = subprocess.run(
            [*HIDDEN, sys.executable, "-c", look], stderr=subprocess.DEVNULL, env=environment
        )
    except FileNotFoundError:
        return False
    return made.returncode == 0


pytestmark = pytest.mark.skipif(not can_hide(), reason="processes may not be hidden here")


class Other(Instance):
    """An instance of a user who does not see the processes of others."""

    @property
    def command(self) -> list[str]:
        return [*HIDDEN, *super().command]

    def own(self) -> None:
        """Let the home belong to that user."""
        for place in (self.home, *self.home.rglob("*")):
            shutil.chown(place, NOBODY, NOBODY)


@pytest.fixture
def pair(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Instance, Other]]:
    """One that runs, and one that is to be started; on one server.  The two users trust another."""
    folder.chmod(0o755)
    trusted = folder / "trusted"
    trusted.write_text(f"{folder}/first\n{folder}/second\n")
    monkeypatch.setenv("ZCASYNC_TRUSTED", str(trusted))
    with database_server(folder) as port:
        first = Instance(folder / "first", config=CONFIG.format(port=port))
        second = Other(folder / "second", config=CONFIG.format(port=port))
        second.own()
        try:
            yield first.start(), second
        finally:
            for instance in (second, first):
                instance.end()


def test_a_supervisor_that_is_hidden_is_not_buried(pair: tuple[Instance, Other]) -> None:
    first, second = pair
    client = first.client
    engine = client.worker(first.home).engineUUID
    second.start()
    for _ in range(3):  # it looks at its peer at each pass
        second.client.wait_for(second.client.put(jobs.process))
    client.sync()
    assert client.worker(first.home).engineUUID == engine
    assert not client.worker(first.home).incarnation.is_over


def test_a_start_for_the_worker_of_a_hidden_supervisor_waits(
    pair: tuple[Instance, Other],
) -> None:
    first, second = pair
    engine = first.client.worker(first.home).engineUUID
    shutil.copy(first.home / "etc" / "uuid.txt", second.home / "etc")
    second.own()
    second.launch()
    wait_until(
        lambda: "cannot be looked at from here" in second.log,
        "the second to say why it waits",
        seen=second.evidence,
    )
    first.client.sync()
    assert first.client.worker(first.home).engineUUID == engine
    assert not first.client.worker(first.home).incarnation.is_over


def test_ghosts_takes_no_hidden_supervisor_for_gone(pair: tuple[Instance, Other]) -> None:
    first, second = pair
    command = [*HIDDEN, sys.executable, "-m", "zcasync.cli.main", "ghosts", "--json", "--home"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for home in (first.home, second.home):
        ran = subprocess.run(
            [*command, str(home)], capture_output=True, text=True, env=environment, cwd="/"
        )
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
        assert (found["ghosts"], found["orphans"]) == ([], [])
        (silent,) = found["silent"]
        assert silent["pid"] == first.pid
        assert "cannot be seen from here" in silent["reason"]
