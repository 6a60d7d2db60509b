"""The log of a supervisor is rotated by others: it goes on in a new file within a second."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.jobs import basic, hostile, output
from tests.support.instance import ROOT, Instance, running
from zcasync.supervisor.log_outlets import ROTATE_BYTES
from zcasync.supervisor.log_writer import MOST_BYTES
from zcasync.testing.waiting import wait_until

#: What is promised is a second; the machine may be busy.
SECONDS = 10.0
#: Of this none is dropped, however slow the disk is.
FLOOD_BYTES = MOST_BYTES * 3 // 4


@pytest.fixture(scope="module")
def served() -> Iterator[Instance]:
    with running() as instance:
        yield instance


@pytest.fixture
def log(served: Instance) -> Path:
    return served.home / "log" / "zcasync.log"


def written(log: Path, rotated: Path, wanted: int) -> bool:
    return rotated.exists() or log.stat().st_size >= wanted


def moved(log: Path) -> None:
    log.rename(log.with_name("zcasync.log-1"))


def replaced(log: Path) -> None:
    log.rename(log.with_name("zcasync.log-2"))
    log.touch(0o600)


def emptied(log: Path) -> None:
    shutil.copyfile(log, log.with_name("zcasync.log-3"))
    os.truncate(log, 0)


def removed_with_its_folder(log: Path) -> None:
    shutil.rmtree(log.parent)


def by_logrotate(log: Path) -> None:
    """The sample of the distribution, with this path and this user."""
    program = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("logrotate is not installed")
    text = (ROOT / "etc" / "logrotate.conf").read_text()
    text = re.sub(r"/srv/app/instance\S*", str(log), text).replace("su app app", "")
    place, state = log.parents[1] / "logrotate.conf", log.parents[1] / "logrotate.state"
    place.write_text(text)
    place.chmod(0o644)
    subprocess.run(
        [program, "--force", "--state", str(state), str(place)], check=True, capture_output=True
    )
    assert list(log.parent.glob("zcasync.log-20*"))


@pytest.mark.parametrize(
    "rotate", [moved, replaced, emptied, removed_with_its_folder, by_logrotate]
)
def test_the_log_goes_on_where_others_have_rotated_it(
    served: Instance, log: Path, rotate: Callable[[Path], None]
) -> None:
    rotate(log)

    wait_until(log.exists, "a new log, of a supervisor that logs nothing", SECONDS)
    assert log.stat().st_mode & 0o077 == 0
    client = served.client
    text = f"after {rotate.__name__}"
    client.wait_for(client.put(output.warn, 1, 10, queue="reactor"))
    client.wait_for(client.put(hostile.say, text))
    wait_until(lambda: f": {text}\n" in log.read_text(), "a line in the new log", SECONDS)
    assert "\0" not in log.read_text()
    for _ in range(10):
        client.wait_for(client.put(basic.nothing))


def test_its_own_rotation_and_that_of_others_leave_each_other_alone(
    served: Instance, log: Path
) -> None:
    client, rotated = served.client, log.with_name("zcasync.log.1")
    for _ in range(ROTATE_BYTES // FLOOD_BYTES + 1):
        wanted = log.stat().st_size + FLOOD_BYTES
        client.wait_for(client.put(output.warn, FLOOD_BYTES // 1000, 1000, queue="reactor"))
        wait_until(partial(written, log, rotated, wanted), "all its lines", 30)
    kept = rotated.stat()
    log.rename(log.with_name("zcasync.log-9"))
    wait_until(log.exists, "a new log", SECONDS)

    assert os.path.samestat(rotated.stat(), kept)
    assert log.stat().st_size < 10_000
