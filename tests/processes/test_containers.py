"""A supervisor in a container of its own, whose process nobody else can look at."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.jobs import load as load_jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.gates import Gate
from tests.support.instance import Instance
from zcasync.testing.waiting import wait_until

CONFIG = (
    AT_SERVER
    + """
<zcasync>
  grace-period 5
  {intervals}
</zcasync>
"""
)
SHORT = "poll-seconds 1\n  ping-interval 2\n  ping-death-interval 2"
#: With the defaults, which take a minute, when asked for.
INTERVALS = "" if "DEFAULT_INTERVALS" in os.environ else SHORT
#: Of another pid namespace, as in a container.
CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
BURIED_SECONDS = 90.0
#: Longer than what the engine promises, in any case.
HOLD_SECONDS = int(os.environ.get("HOLD_SECONDS", "8"))


def can_make_containers() -> bool:
    """Whether we may."""
    try:
        made = subprocess.run([*CONTAINER, "true"], stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return False
    return made.returncode == 0


needs_containers = pytest.mark.skipif(
    not can_make_containers(), reason="unshare(1) may not make pid namespaces"
)


class Contained(Instance):
    """An instance whose supervisor runs in a container of its own."""

    @property
    def command(self) -> list[str]:
        return [*CONTAINER, *super().command]

    def send(self, number: signal.Signals) -> None:
        for inside in psutil.Process(self.pid).children():
            inside.send_signal(number)


@pytest.fixture
def apart(folder: Path) -> Iterator[tuple[Instance, Instance]]:
    """Two supervisors on one server that cannot see each other's process; one is to be started."""
    with database_server(folder) as port:
        config = CONFIG.format(port=port, intervals=INTERVALS)
        inside = Contained(folder / "inside", config=config)
        outside = Instance(folder / "outside", config=config)
        try:
            yield inside.start(), outside
        finally:
            for instance in (inside, outside):
                instance.end()


@needs_containers
def test_a_supervisor_that_is_killed_in_another_container_is_buried_for_its_silence(
    apart: tuple[Instance, Instance], gate: Gate
) -> None:
    victim, heir = apart
    partial = victim.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    heir.start()
    began = time.monotonic()
    victim.kill()
    client = heir.client
    partial = client.connection.get(partial._p_oid)
    wait_until(lambda: len(gate.arrivals()) > 1, "the heir to begin the job", BURIED_SECONDS)
    print(f"\nat work elsewhere after {time.monotonic() - began:.1f} s")
    assert re.search(r"is buried: .* has not written for \d+ s while we watched", heir.log)
    gate.open()
    client.wait_for(partial)
    assert partial._interruptions == 1


@contextmanager
def busy_cores() -> Iterator[None]:
    """All processors have something to do."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@needs_containers
def test_a_supervisor_in_another_container_that_is_busy_is_not_buried(
    apart: tuple[Instance, Instance],
) -> None:
    """Nobody can see that its process runs, so its word alone keeps it alive."""
    busy, watcher = apart
    watcher.children = 0
    watcher.start()
    client = watcher.client
    engine = client.worker(busy.home).engineUUID
    with busy_cores():
        partials = [client.put(load_jobs.hold_the_interpreter, HOLD_SECONDS)]
        partials += client.put_many(jobs.nothing, 200)
        client.wait_for(*partials, timeout=HOLD_SECONDS + 60)
    assert client.worker(busy.home).engineUUID == engine
    assert [partial._interruptions for partial in partials] == [0] * len(partials)
    assert "is buried" not in watcher.log
