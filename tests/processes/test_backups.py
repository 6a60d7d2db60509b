"""Copies of a database at work, and what becomes of its jobs where such a copy is served."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from ZODB.FileStorage import FileStorage

from tests.jobs import basic as jobs
from tests.jobs.blobs import content, digest, digest_of, picture
from tests.processes.test_containers import Contained, needs_containers
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance, short_folder
from zcasync.database.missing_classes import make_database
from zcasync.interfaces import ACTIVE, COMPLETED

SCRIPTS = Path(sys.executable).parent
SIZE = 70_000
#: Each puts ten jobs or more, and the first one copies all.
BACKUPS = 3


def run(*command: str | Path) -> str:
    """Run a command of ZODB's, or of ours, as a shell would; its output."""
    done = subprocess.run(
        [os.fspath(one) for one in command],
        env={**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Backup:
    """The copy of a home that was made while jobs ran, and what was known then."""

    repository: Path
    gate: Gate
    held: bytes
    adds: int

    def restore(self, home: Path, *, with_etc: bool = True) -> Path:
        """Make a home of it, by the commands of docs/backups.rst."""
        (home / "var").mkdir(mode=0o700, parents=True)
        data = home / "var" / "Data.fs"
        run("repozo", "--recover", "--repository", self.repository, "--output", data)
        for one in sorted(self.repository.glob("*.blobs.tar")):
            run("tar", "-x", "-C", home / "var", "--listed-incremental", "/dev/null", "-f", one)
        if with_etc:
            run("tar", "-x", "-C", home, "-f", self.repository / "etc.tar")
        run("chmod", "-R", "go-rwx", home)
        return home


@pytest.fixture(scope="module")
def backup() -> Iterator[Backup]:
    """A backup of a home that is at work all the while, and whose machine is lost then."""
    with short_folder() as folder:
        instance = Instance(folder / "home", 2, SHORT)
        try:
            yield _made(instance.start(), folder)
        finally:
            instance.end()


def _made(instance: Instance, folder: Path) -> Backup:
    client, gate = instance.client, Gate(folder / "gate")
    counter = client.add("counter", jobs.Counter())
    held = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    adds = 0
    for _ in range(BACKUPS):
        copying = subprocess.Popen(
            [ROOT / "etc" / "backup.sh", instance.home, folder / "backups"],
            env={**os.environ, "REPOZO": str(SCRIPTS / "repozo")},
        )
        while True:  # jobs begin and end, before it, while it is at work, and after it
            put = [client.put(counter.add), client.put(picture, SIZE), client.put(counter.add)]
            adds += 2
            client.wait_for(*put)
            if copying.poll() is not None:
                break
        assert copying.returncode == 0
    found = Backup(folder / "backups", gate, held._p_oid, adds)
    instance.kill()
    gate.open()
    return found


def whole(client: Client, home: Path) -> int:
    """Every job of the copy is whole, with its effects; return how many have added."""
    worker = client.worker(home)
    done = list(worker.completed)
    assert {one.state for one in done} == {COMPLETED}
    done += [one for one in worker.thread if one.state == COMPLETED]  # and is not moved yet
    pictures = [one.result for one in done if one.callable is picture]
    assert len(pictures) >= BACKUPS
    assert {digest_of(one) for one in pictures} == {digest(content(SIZE))}
    adds = [one for one in done if getattr(one.callable, "__name__", "") == "add"]
    assert client.main.root()["counter"].value == len(adds)
    return len(adds)


def test_a_backup_that_is_made_while_jobs_run_has_each_of_them_whole(
    backup: Backup, folder: Path
) -> None:
    home = backup.restore(folder / "restored")
    kinds = [one.suffix for one in sorted(backup.repository.iterdir())]
    assert (kinds.count(".fs"), kinds.count(".deltafs")) == (1, BACKUPS - 1)
    said = run("zcasync", "check", "--deep", "--home", home)
    assert "each is in its place, and the counts are right" in said
    opened = FileStorage(f"{home}/var/Data.fs", blob_dir=f"{home}/var/blobs", read_only=True)
    with closing(Client(make_database(opened))) as client:
        adds = whole(client, home)
        assert client.connection.get(backup.held).state == ACTIVE
    assert 2 * BACKUPS <= adds <= backup.adds  # those that ran after the copy are not in it


@pytest.mark.parametrize(
    "kind", ["the same worker", "a new worker", pytest.param("elsewhere", marks=needs_containers)]
)
def test_what_was_at_work_in_a_backup_runs_again_where_it_is_restored(
    backup: Backup, folder: Path, kind: str
) -> None:
    home = backup.restore(folder / "restored", with_etc=kind != "a new worker")
    make: Callable[..., Instance] = Contained if kind == "elsewhere" else Instance
    instance = make(home, 2)
    try:
        client = instance.start().client
        held = client.connection.get(backup.held)
        assert client.wait_for(held) > 0
        assert held._interruptions == 1
        client.wait_for(*client.put_many(jobs.nothing, 10))
        assert instance.stop() == 0, instance.evidence()
    finally:
        instance.end()
    said = run("zcasync", "check", "--deep", "--home", home)
    assert "each is in its place, and the counts are right" in said


def test_a_second_backup_at_the_same_time_is_refused(backup: Backup, folder: Path) -> None:
    script = ROOT / "etc" / "backup.sh"
    with (backup.repository / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([script, folder, backup.repository], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        f"backup.sh: another backup to {backup.repository} runs\n",
    )
