"""Checkpoints and steps in real children, which are killed before, at and behind them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.chaos.points import Traps
from tests.jobs import steps
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, stored
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.testing.waiting import wait_until

PATIENT = "<zcasync>\n  grace-period 30\n  poll-seconds 2\n</zcasync>\n"


@pytest.fixture
def instance(make_trapped: Callable[..., Instance]) -> Instance:
    """A supervisor with one child, both of which know the traps."""
    return make_trapped().start()


@pytest.mark.parametrize("moment", ["before", "voted", "finished"])
def test_a_child_that_is_killed_at_a_checkpoint_does_nothing_twice(
    instance: Instance, traps: Traps, moment: str
) -> None:
    client = instance.client
    pages = client.add("pages", steps.Pages())
    name = traps.arm(f"child.checkpoint.{moment}", "kill")

    partial = client.put(pages.read_all)

    assert client.wait_for(partial) == 3
    assert traps.sprung(name)
    assert pages.read == (0, 1, 2)
    assert partial.interruptions == 1
    assert partial.attempts == 2


def test_a_checkpoint_in_doubt_is_found_out(instance: Instance, traps: Traps) -> None:
    client = instance.client
    pages = client.add("pages", steps.Pages())
    name = traps.arm("child.checkpoint.voted", "doubt")

    partial = client.put(pages.read_all)

    def is_done() -> bool:
        with suppress(ClientDisconnected):  # the server is about to be gone, and to come back
            client.sync()
            return partial.state == COMPLETED
        return False

    wait_until(is_done, "the job to end", 90)
    assert traps.sprung(name)
    assert partial.result == 3
    assert pages.read == (0, 1, 2)
    assert partial.interruptions == 0


def test_a_kill_between_two_checkpoints_loses_only_what_was_done_since(
    common: Instance, client: Client, gate: Gate
) -> None:
    pages = client.add("pages between checkpoints", steps.Pages())
    partial = client.put(pages.read_at_gate, gate.path)
    pid = gate.wait_for()
    client.sync()
    assert (pages.read, partial.checkpoint) == ((0,), 1)
    words = ["job", partial.id, "--home", str(common.home)]
    command = [sys.executable, "-m", "zcasync.cli.main", *words]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Checkpoint +1$", shown, re.MULTILINE), shown

    os.kill(pid, signal.SIGKILL)
    gate.open()

    assert client.wait_for(partial) == 3
    assert pages.read == (0, 1, 2)
    assert len(gate.arrivals()) == 2


def test_a_supervisor_that_stops_lets_a_job_stop_at_its_checkpoint(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config=PATIENT).start()
    client = instance.client
    pages = client.add("pages", steps.Pages())
    partial = client.put(pages.read_at_gate, gate.path)
    gate.wait_for()

    instance.send(signal.SIGTERM)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    wait_until(lambda: _are_stopping(instance), "the child to be asked to end")
    gate.open()
    assert instance.wait() == 0, instance.evidence()
    assert "killed" not in instance.log

    with stored(instance.home) as left:
        found = left.connection.get(partial._p_oid)
        assert (found.state, found.checkpoint) == (PENDING, 2)
        assert found.interruptions == 0
        assert found.failed_before == []
    instance.start()
    again = instance.client
    found = again.connection.get(partial._p_oid)
    assert again.wait_for(found) == 3
    assert again.main.root()["pages"].read == (0, 1, 2)
    assert found.attempts == 1


def test_a_soft_limit_ends_a_job_that_goes_on_behind_its_checkpoint(
    common: Instance, client: Client
) -> None:
    pages = client.add("pages", steps.Pages())

    partial = client.put(pages.read_within_limit, soft_limit=3, hard_limit=600)

    assert client.wait_for(partial) == 3
    assert pages.read == (0, 1, 2)
    assert partial.snoozes >= 1
    assert (partial.attempts, partial.exceptions, partial.interruptions) == (1, 0, 0)


def test_a_step_is_not_interrupted_by_the_soft_limit(client: Client) -> None:
    partial = client.put(steps.take_long_step, soft_limit=0.5, hard_limit=600)
    assert client.wait_for(partial) == ["done", 1]


def _are_stopping(instance: Instance) -> bool:
    return all(child["state"] == "stopping" for child in instance.status()["children"])


def test_a_reactor_job_has_no_checkpoint(client: Client) -> None:
    failure = client.wait_for(client.put(steps.make_checkpoint, queue="reactor"))
    assert "put the job in the thread queue" in failure.getErrorMessage()
    failure = client.wait_for(client.put(steps.take_step, queue="reactor"))
    assert "put the job in the thread queue" in failure.getErrorMessage()


@pytest.mark.parametrize("detached", [False, True])
def test_a_step_that_is_recorded_is_not_repeated_after_a_kill(
    client: Client, gate: Gate, tmp_path: Path, detached: bool
) -> None:
    path = tmp_path / "lines"
    partial = client.put(steps.charge_at, str(path), gate.path, detached=detached)
    os.kill(gate.wait_for(), signal.SIGKILL)
    gate.open()

    assert client.wait_for(partial) == 1
    assert partial.interruptions == 1
    assert path.read_text() == "line\n"


@pytest.mark.parametrize(("in_doubt", "result"), [("repeat", 2), ("raise", "StepInDoubt")])
def test_a_step_that_is_not_recorded_is_repeated_or_in_doubt(
    client: Client, gate: Gate, tmp_path: Path, in_doubt: str, result: Any
) -> None:
    path = tmp_path / "lines"
    partial = client.put(steps.charge_slowly_at, str(path), gate.path, in_doubt)
    os.kill(gate.wait_for(), signal.SIGKILL)
    gate.open()

    found = client.wait_for(partial)

    assert result == (found if found == 2 else found.type.__name__)
    assert partial.state == COMPLETED
    assert path.read_text() == "line\n" * (2 if in_doubt == "repeat" else 1)
