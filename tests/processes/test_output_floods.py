"""A job that prints without end costs its supervisor little, and its last lines are kept."""

from __future__ import annotations

import time

import psutil
import pytest

from tests.jobs import basic, hostile, output
from tests.support.instance import Client, Instance
from zcasync.errors import HardTimeLimit
from zcasync.testing.waiting import wait_until

SECONDS = 5.0
#: Of one core; what is logged before the limit takes some of it.
SHARE = 0.1
FORMS = {"short lines": "y\n", "long lines": "x" * 300 + "\n", "no lines": "x"}


def seconds_used(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_flood_costs_the_supervisor_little(common: Instance, client: Client, text: str) -> None:
    process = psutil.Process(common.pid)
    partial = client.put(output.flood, SECONDS, text, 1, 25)
    before, began = seconds_used(process), time.monotonic()
    # What we see of the database costs the supervisor nothing.
    written = client.wait_for(partial, timeout=60)
    share = (seconds_used(process) - before) / (time.monotonic() - began)

    assert share < SHARE
    assert written > 2 * 2**20
    client.wait_for(client.put(hostile.say, f"after {text[:2]!r}"))
    wait_until(lambda: f": after {text[:2]!r}\n" in common.log, "what the next job prints")
    for _ in range(10):
        client.wait_for(client.put(basic.nothing))


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_last_lines_of_a_flood_are_kept(common: Instance, client: Client, text: str) -> None:
    partial = client.put(output.flood_and_die, 1.0, text, 25, retry="never")
    failure = client.wait_for(partial, timeout=60)

    assert tuple(failure.evidence["output"][-20:]) == tuple(
        f"last {number}" for number in range(5, 25)
    )


def test_a_job_with_much_to_say_ends(common: Instance, client: Client) -> None:
    began = time.monotonic()
    assert client.wait_for(client.put(output.write, 20), timeout=120) == 20
    assert time.monotonic() - began < 100
    assert common.log.count("more lines are not shown") >= 1


def test_a_flood_hides_no_time_limit_and_no_stack(common: Instance, client: Client) -> None:
    partial = client.put(output.flood, 60.0, "y\n", 2, hard_limit=1.5)
    failure = client.wait_for(partial, timeout=60)

    assert failure.check(HardTimeLimit)
    assert "in flood" in "\n".join(failure.evidence["output"])
