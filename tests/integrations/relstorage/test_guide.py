"""The distribution's configuration, and what docs/relstorage.rst does with a home of it."""

from __future__ import annotations

import operator
import re
import subprocess
import sys

import pytest

from tests.integrations.relstorage.conftest import Database
from tests.jobs import blobs
from tests.support.instance import ROOT, Instance

SAMPLE = (ROOT / "etc" / "zcasync-relstorage.conf").read_text()
GUIDE = (ROOT / "docs" / "relstorage.rst").read_text()


def sample(database: Database, keep_history: bool, shared: bool = False) -> str:
    """The distribution's configuration for a test's database, with its blobs beside the home."""
    found = re.sub(r"dsn .*", f"dsn {database.dsn}", SAMPLE)
    found = found.replace("/srv/zcasync/blobs", "{home}")
    found = found.replace("keep-history true", f"keep-history {str(keep_history).lower()}")
    if shared:
        found = re.sub(r"\n    blob-cache-size.*", "", found)
        found = found.replace("shared-blob-dir false", "shared-blob-dir true")
    return found.replace("<zcasync>", "<zcasync>\n  grace-period 5\n  poll-seconds 1")


def zcasync(instance: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line on a home."""
    return subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *arguments, "--home", str(instance.home)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("shared", [False, True], ids=["blobs-in-database", "blobs-in-folder"])
def test_the_configuration_of_the_distribution_serves_jobs_with_blobs(
    database: Database, keep_history: bool, shared: bool
) -> None:
    instance = database.home_of(sample(database, keep_history, shared))
    assert zcasync(instance, "check").returncode == 0
    instance.start()
    client = instance.client
    blob = client.add("blob", blobs.Blob())
    with blob.open("w") as out:
        out.write(blobs.content(100_000))
    client.commit()

    job = client.put(blobs.digest_of, blob)

    assert client.wait_for(job) == blobs.digest(blobs.content(100_000))


def test_a_pack_while_work_goes_on_loses_nothing(database: Database, keep_history: bool) -> None:
    instance = database.home(children=2).start()
    client = instance.client
    jobs = [client.put(operator.add, number, 1) for number in range(20)]

    packed = zcasync(instance, "pack", "--days", "0")

    assert packed.returncode == 0, packed.stderr
    more = [client.put(operator.add, number, 1) for number in range(20)]
    assert client.wait_for(*jobs, *more) == [*range(1, 21)] * 2


def test_the_guide_shows_the_configuration_and_commands_that_there_are() -> None:
    assert ".. literalinclude:: ../etc/zcasync-relstorage.conf" in GUIDE
    for command in re.findall(r"\$ zcasync (\w+)", GUIDE):
        done = subprocess.run(
            [sys.executable, "-m", "zcasync.cli.main", command, "--help"],
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, command
