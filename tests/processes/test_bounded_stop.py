"""A stop ends in time whatever hangs in the supervisor, and its log names what is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.jobs import hanging
from tests.support.gates import Gate
from tests.support.instance import Instance, engine_of, stored
from zcasync.interfaces import PENDING
from zcasync.job.ids import id_of
from zcasync.supervisor.stop_deadline import AFTER_GRACE_SECONDS
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

GRACE = 0.5
CONFIG = f"""
<zcasync>
  grace-period {GRACE}
  poll-seconds 1
  spare false
</zcasync>
"""
#: The machine may be busy.
IN_TIME = 3 * (GRACE + AFTER_GRACE_SECONDS)
ENDS_NOW = "so this process ends now; left behind: "
#: What hangs, and what the log says of it.
BLOCKED: Mapping[Callable[[str], Any], tuple[str, ...]] = {
    hanging.in_reactor: ("the reactor's thread at", "hanging.py", "in _sleep", "as a ghost"),
    hanging.in_c_code: ("the reactor's thread at", "in in_c_code", "as a ghost"),
    hanging.in_log: ("the reactor's thread at", "in _sleep"),
}
LEFT: Mapping[Callable[[str], Any], tuple[str, ...]] = {
    hanging.in_pool: ("a thread that is no daemon: ", "hanging.py", "in _sleep", "reactor job 0x"),
    hanging.in_thread: ("a thread that is no daemon: left by the application (", "in _sleep"),
    hanging.at_exit: ("the reactor's thread at", "hanging.py", "in _sleep"),
    hanging.before_shutdown: (ENDS_NOW,),
}

Make = Callable[..., Instance]


def begin(instances: list[Instance]) -> None:
    """Start them side by side."""
    for instance in instances:
        instance.launch()
    for instance in instances:
        instance.wait_until_ready()


def ended(instances: list[Instance], began: float) -> None:
    """Wait until all of them have, in time, and what they had started is gone."""
    for instance in instances:
        assert instance.wait(IN_TIME) == 0, instance.evidence()
        assert time.monotonic() - began < IN_TIME, instance.evidence()


def works_again(instances: list[Instance]) -> None:
    """Start them again, each does ten jobs in a row, and stop them."""
    begin(instances)
    for instance in instances:
        instance.worker().thread.size = 1
        instance.client.commit()
    for instance in instances:
        for _ in range(10):
            instance.client.wait_for(instance.client.put(jobs.nothing))
    for instance in instances:
        assert instance.stop() == 0, instance.evidence()
        assert engine_of(instance.home) == ""


@pytest.mark.parametrize("acts", [BLOCKED, LEFT], ids=["blocked", "left"])
def test_what_hangs_in_the_supervisor_is_named_and_left_behind(
    make_instance: Make, tmp_path: Path, acts: Mapping[Callable[[str], Any], tuple[str, ...]]
) -> None:
    instances = [make_instance(act.__name__, children=0, config=CONFIG) for act in acts]
    begin(instances)
    families = []
    for act, instance in zip(acts, instances, strict=True):
        gate = Gate(tmp_path / act.__name__)
        instance.client.put(act, gate.path, queue="reactor")
        gate.wait_for()
        families += instance.descendants()
        instance.worker().reactor.size = 0  # none of these begins again
        instance.client.commit()
        instance.close_client()
    began = time.monotonic()
    for instance in instances:
        instance.send(signal.SIGTERM)
    ended(instances, began)
    wait_until(lambda: all(map(is_gone, families)), "all that they had started to be gone")
    for act, instance in zip(acts, instances, strict=True):
        (line,) = [line for line in instance.log.splitlines() if ENDS_NOW in line]
        missing = [words for words in acts[act] if words not in line]
        assert not missing, (act.__name__, missing, line)
        assert ("as a ghost" in line) == (engine_of(instance.home) != ""), line
        assert "Traceback" not in instance.output
    works_again(instances)


def test_children_that_hang_are_killed_within_the_grace_period(
    make_instance: Make, tmp_path: Path
) -> None:
    instance = make_instance(children=3, config=CONFIG).start()
    gates = [Gate(tmp_path / name) for name in ("lock", "deaf", "frozen")]
    acts = [(jobs.hold_lock, 600.0), (jobs.ignore_signals,), (jobs.pass_gate,)]
    partials = []
    for gate, (act, *more) in zip(gates, acts, strict=True):
        partials.append(instance.client.put(act, gate.path, *more))
        gate.wait_for()
    os.kill(gates[-1].arrivals()[0], signal.SIGSTOP)
    family = instance.descendants()
    began = time.monotonic()
    assert instance.stop() == 0, instance.evidence()
    assert time.monotonic() - began < IN_TIME
    wait_until(lambda: all(map(is_gone, family)), "all that it had started to be gone")
    assert ENDS_NOW not in instance.log
    assert engine_of(instance.home) == ""
    with stored(instance.home) as client:
        found = [client.connection.get(one._p_oid) for one in partials]
        assert [one.state for one in found] == [PENDING] * 3


def test_a_reactor_job_whose_deferred_never_fires_is_given_back(
    make_instance: Make, gate: Gate
) -> None:
    instance = make_instance(children=0, config=CONFIG).start()
    partial = instance.client.put(hanging.never, gate.path, queue="reactor")
    gate.wait_for()
    assert instance.stop() == 0
    assert f"reactor job {id_of(partial)} left: grace period of 0.5 s is over" in instance.log
    assert ENDS_NOW not in instance.log
    with stored(instance.home) as client:
        assert client.connection.get(partial._p_oid).state == PENDING


def test_what_keeps_the_interpreters_lock_or_its_end_ends_with_the_process(
    make_instance: Make, tmp_path: Path
) -> None:
    """No thread runs there that could say anything."""
    acts = [hanging.in_expression, hanging.at_teardown]
    instances = [make_instance(act.__name__, children=0, config=CONFIG) for act in acts]
    begin(instances)
    families = []
    for act, instance in zip(acts, instances, strict=True):
        gate = Gate(tmp_path / act.__name__)
        instance.client.put(act, gate.path, queue="reactor")
        gate.wait_for()
        families += instance.descendants()
        instance.close_client()
        instance.send(signal.SIGTERM)
    began = time.monotonic()
    assert [one.wait(IN_TIME) for one in instances] == [1, 1]
    assert time.monotonic() - began < IN_TIME
    wait_until(lambda: all(map(is_gone, families)), "all that they had started to be gone")
    assert "deregistered" in instances[1].log


def test_zcasync_stop_ends_a_supervisor_that_does_not_answer(
    make_instance: Make, gate: Gate
) -> None:
    instance = make_instance(children=0, config=CONFIG).start()
    instance.client.put(hanging.in_reactor, gate.path, queue="reactor")
    gate.wait_for()
    instance.close_client()
    done = finish(start("stop", "--home", instance.home))
    assert (done.code, done.err) == (0, "")
    assert "it does not answer, so it was sent SIGTERM" in done.out
    assert instance.wait() == 0
    assert ENDS_NOW in instance.log
