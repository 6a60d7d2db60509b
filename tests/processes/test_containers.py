"""A supervisor in a container of its own, whose process nobody else can look at."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests import jobs
from tests.gates import Gate
from tests.processes.servers import database_server
from tests.support import Instance
from tests.waiting import wait_until

CONFIG = """
<zodb>
  <zeoclient>
    server 127.0.0.1:{port}
  </zeoclient>
</zodb>
<zcasync>
  grace-period 5
  {intervals}
</zcasync>
"""
SHORT = "poll-seconds 1\n  ping-interval 1\n  ping-death-interval 1"
#: With the defaults, which take a minute, when asked for.
INTERVALS = "" if "DEFAULT_INTERVALS" in os.environ else SHORT
#: Of another pid namespace, as in a container.
CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
BURIED_SECONDS = 90.0


def can_make_containers() -> bool:
    """Whether we may."""
    try:
        made = subprocess.run([*CONTAINER, "true"], stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return False
    return made.returncode == 0


@pytest.mark.skipif(not can_make_containers(), reason="unshare(1) may not make pid namespaces")
def test_a_supervisor_that_is_killed_in_another_container_is_buried_for_its_silence(
    make_instance: Callable[..., Instance], folder: Path, gate: Gate
) -> None:
    with database_server(folder) as port:
        config = CONFIG.format(port=port, intervals=INTERVALS)
        victim = make_instance("victim", config=config)
        heir = make_instance("heir", config=config)
        victim.launch([*CONTAINER, *victim.command]).wait_until_ready()
        client = victim.client
        partial = client.put(jobs.pass_gate, gate.path)
        gate.wait_for()
        heir.start()
        (inside,) = psutil.Process(victim.pid).children()
        began = time.monotonic()
        inside.kill()
        victim.wait()
        client = heir.client
        partial = client.connection.get(partial._p_oid)
        wait_until(lambda: len(gate.arrivals()) > 1, "the heir to begin the job", BURIED_SECONDS)
        print(f"\nat work elsewhere after {time.monotonic() - began:.1f} s")
        assert "is buried: silent for" in heir.log()
        gate.open()
        client.wait_for(partial)
        assert partial._interruptions == 1
        heir.stop()
