"""Signals to a supervisor that is a service, and to all of its processes at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.jobs import signals as signal_jobs
from tests.support.gates import Gate
from tests.support.instance import Instance, engine_of, stored
from tests.support.services import service
from zcasync.instance.home import Home
from zcasync.interfaces import PENDING
from zcasync.protocol.control import Stop
from zcasync.protocol.control_client import ControlClient
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

Make = Callable[..., Instance]

CONFIG = """
<zcasync>
  grace-period {grace}
  poll-seconds 2
</zcasync>
"""
#: All that nohup, a shell, or a service manager can have set.
USUAL = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
    signal.SIGALRM,
)


def started(make_instance: Make, grace: float = 30, **options: object) -> Instance:
    """A supervisor without a terminal."""
    instance = make_instance(config=CONFIG.format(grace=grace), **options)
    return instance.launch(service(instance.command)).wait_until_ready()


def ten_jobs_work(instance: Instance) -> None:
    """Ten jobs that do nothing work, one after the other."""
    for _ in range(10):
        assert instance.client.wait_for(instance.client.put(jobs.nothing)) is None


def nobody_is_a_ghost(instance: Instance) -> None:
    """The engine has said that it ended, and no child was killed."""
    assert engine_of(instance.home) == "", instance.evidence()
    assert "was killed" not in instance.log
    assert "Traceback" not in instance.log + instance.output


def to_all(instance: Instance, number: signal.Signals) -> None:
    """Send a signal to all processes at once, as a service manager does, children first."""
    for process in [*reversed(instance.descendants()), psutil.Process(instance.pid)]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def test_a_stop_that_all_processes_are_told_lets_jobs_end(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance)
    instance.wait_for_spare()
    running = instance.client.put(jobs.pass_gate, gate.path)
    child = gate.wait_for()
    family = instance.descendants()
    to_all(instance, signal.SIGTERM)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    to_all(instance, signal.SIGHUP)
    gate.open()
    assert instance.wait() == 0, instance.evidence()
    wait_until(lambda: all(map(is_gone, family)), "all to be gone")
    nobody_is_a_ghost(instance)
    with stored(instance.home) as client:
        found = client.connection.get(running._p_oid)
        assert (found.result, found._interruptions) == (child, 0)


def test_children_and_the_server_do_nothing_at_signals_for_the_supervisor(
    make_instance: Make, gate: Gate
) -> None:
    instance = started(make_instance)
    instance.wait_for_spare()
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    family = instance.descendants()
    assert len(family) == 3  # a child, a spare, the server
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        for process in family:
            process.send_signal(number)
    ten_jobs = instance.client.put_many(jobs.nothing, 10)
    gate.open()
    instance.client.wait_for(running, *ten_jobs)
    assert instance.descendants() == family
    assert [one._interruptions for one in (running, *ten_jobs)] == [0] * 11


@contextmanager
def signals_from_birth(instance: Instance) -> Iterator[set[int]]:
    """Send SIGTERM to each process that the supervisor starts, from its first moment on."""
    met: set[int] = set()
    is_over = threading.Event()

    def send() -> None:
        while not is_over.wait(0.002):
            for process in instance.descendants():
                met.add(process.pid)
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGTERM)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield met
    finally:
        is_over.set()
        thread.join()


def test_processes_that_start_do_nothing_at_signals_from_their_first_moment_on(
    make_instance: Make,
) -> None:
    instance = make_instance(children=2).launch()
    with signals_from_birth(instance) as met:
        instance.wait_until_ready()
        instance.wait_for_spare()
    assert {one.pid for one in instance.descendants()} == met, instance.evidence()
    ten_jobs_work(instance)


def test_signals_that_were_ignored_or_blocked_are_as_a_supervisor_needs_them(
    make_instance: Make,
) -> None:
    instance = make_instance(config=CONFIG.format(grace=30))
    command = service(instance.command, ignored=USUAL, blocked=USUAL)
    instance.launch(command).wait_until_ready()
    client = instance.client
    assert client.wait_for(client.put(jobs.system_echo, "told")) == 0
    masks = client.wait_for(client.put(signal_jobs.inherited))
    assert masks == {"SigBlk": 0, "SigIgn": 0}
    assert client.wait_for(client.put(signal_jobs.own))["SigBlk"] == 0
    (child,) = instance.child_pids()
    os.kill(child, signal.SIGKILL)  # its end is heard of
    ten_jobs_work(instance)
    assert instance.stop() == 0
    assert engine_of(instance.home) == ""


@pytest.mark.parametrize(
    ("job", "arguments", "result"),
    [
        (signal_jobs.ends_by, (signal.SIGTERM,), -signal.SIGTERM),
        (signal_jobs.ends_by, (signal.SIGHUP,), -signal.SIGHUP),
        (signal_jobs.copy_ends_by_terminate, (), -signal.SIGTERM),
        (signal_jobs.signals_its_group, (), "ended by 15"),
        (signal_jobs.inherited, (), {"SigBlk": 0, "SigIgn": 0}),
    ],
    ids=["SIGTERM", "SIGHUP", "a copy", "its group", "masks"],
)
def test_what_jobs_start_hears_signals(
    common: Instance, job: Callable[..., object], arguments: tuple[object, ...], result: object
) -> None:
    partial = common.client.put(job, *arguments)
    assert common.client.wait_for(partial) == result
    assert partial._interruptions == 0


def test_a_second_signal_shortens_the_grace_period(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance, grace=600)
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    instance.send(signal.SIGTERM)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    instance.close_client()
    time.sleep(0.2)  # not the same signal, sent twice
    instance.send(signal.SIGINT)
    assert instance.wait() == 0, instance.evidence()
    assert "SIGINT again: running jobs get 3 s more" in instance.log
    assert "Traceback" not in instance.log + instance.output
    assert engine_of(instance.home) == ""
    with stored(instance.home) as client:
        assert client.connection.get(running._p_oid).state == PENDING
        assert client.worker(instance.home).engineUUID is None


def test_a_third_signal_ends_it_at_once(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance, grace=600)
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    family = instance.descendants()
    began = time.monotonic()
    for _ in range(3):
        instance.send(signal.SIGTERM)
        time.sleep(0.2)
    assert instance.wait() == 1, instance.evidence()
    wait_until(lambda: all(map(is_gone, family)), "all to be gone")
    assert time.monotonic() - began < 60  # the grace period is 600 s
    assert "Traceback" not in instance.log + instance.output
    assert "for the third time" in instance.log
    gate.open()
    instance.start()
    again = instance.client.connection.get(running._p_oid)
    instance.client.wait_for(again)
    assert again._interruptions == 1
    ten_jobs_work(instance)


def test_what_a_blocked_reactor_cannot_do_is_done(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance, grace=600)
    instance.client.put(signal_jobs.blocks_the_reactor, gate.path, queue="reactor")
    gate.wait_for()
    family = instance.descendants()
    instance.send(signal.SIGUSR2)
    wait_until(
        lambda: "in blocks_the_reactor" in instance.log, "its stack", seen=lambda: instance.log
    )
    instance.close_client()
    for _ in range(3):
        instance.send(signal.SIGTERM)
        time.sleep(0.2)
    assert instance.wait() == 1
    wait_until(lambda: all(map(is_gone, family)), "all to be gone")
    assert "for the third time" in instance.log


def test_signals_that_wrappers_send_twice_count_once(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance)
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        instance.send(number)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    gate.open()
    assert instance.wait() == 0
    assert "again" not in instance.log
    with stored(instance.home) as client:
        assert client.connection.get(running._p_oid)._interruptions == 0


def test_a_stop_that_was_asked_for_twice_is_no_error(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance)
    instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    instance.send(signal.SIGHUP)
    control = ControlClient(Home(instance.home).control_socket, 10)
    for _ in range(2):
        control.call(Stop)
    control.close()
    gate.open()
    assert instance.wait() == 0
    nobody_is_a_ghost(instance)


def test_a_signal_while_it_starts_ends_it_without_a_word(make_instance: Make) -> None:
    instance = make_instance(config=CONFIG.format(grace=30))
    codes = []
    for seconds in (0.1, 0.4, 0.8, 1.6):
        instance.launch(service(instance.command))
        time.sleep(seconds)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
            instance.send(number)
        codes.append(instance.wait())
        assert "Traceback" not in instance.output, instance.output
    # Before it has come to its own first line the system ends it.
    assert set(codes) <= {0, *(-one for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2))}
    instance.start()
    ten_jobs_work(instance)


# SIGHUP, SIGUSR1, SIGUSR2


def test_a_service_reads_its_configuration_again_at_sighup(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance)
    children = instance.child_pids()
    file = instance.home / "etc" / "zcasync.conf"
    file.write_text("<zcasync>\n  grace-period 1\n  poll-seconds 3\n  max-children 0\n</zcasync>\n")
    instance.send(signal.SIGHUP)
    said = "poll-seconds cannot change while this runs: it is 2 until the supervisor is started"
    wait_until(lambda: said in instance.log, "what cannot change", seen=instance.evidence)
    assert "grace-period is 1 now (before: 30)" in instance.log
    assert instance.status()["max_children"] == 0
    file.write_text("<zcasync>\n  grace-period 1\n</zcasync>\n")
    instance.send(signal.SIGHUP)
    wait_until(lambda: instance.status()["max_children"] == 100, "the default to be back")
    file.write_text("<zcasync>\n  grace-period soon\n</zcasync>\n")
    instance.send(signal.SIGHUP)
    wait_until(lambda: "the configuration stays as it was" in instance.log, "it to be refused")
    file.write_text("")  # other processes read it, too
    ten_jobs_work(instance)
    instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    assert instance.child_pids() == children
    began = time.monotonic()
    assert instance.stop() == 0
    assert time.monotonic() - began < 25  # not the 30 s of the start
    assert "grace period of 1 s is over" in instance.log


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=lambda one: one.name)
def test_the_log_is_opened_anew(make_instance: Make, number: signal.Signals) -> None:
    instance = started(make_instance)
    file = instance.home / "log" / "zcasync.log"
    moved = file.rename(file.with_name("moved.log"))
    instance.send(number)
    wait_until(lambda: "the log is open anew" in instance.log, "a new log", seen=instance.evidence)
    before = moved.read_text()
    ten_jobs_work(instance)
    assert instance.stop() == 0
    assert "stopped" in instance.log
    assert moved.read_text() == before


def test_sigusr2_shows_where_all_processes_are(make_instance: Make, gate: Gate) -> None:
    instance = started(make_instance)
    instance.wait_for_spare()
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    instance.send(signal.SIGUSR2)
    own, of_job, of_spare = "SIGUSR2: the supervisor is at", "in pass_gate", "child spare job -"
    wait_until(
        lambda: all(one in instance.log for one in (own, of_job, of_spare)),
        "three stacks",
        seen=instance.evidence,
    )
    assert re.search(r"Thread 'MainThread' .*\n(\t.*\n)+?.*in mainLoop", instance.log)
    gate.open()
    instance.client.wait_for(running)
    assert running._interruptions == 0
    ten_jobs_work(instance)


# twistd


TWISTD = [
    sys.executable,
    "-c",
    "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()",
]


def test_twistd_hears_signals_as_a_service_does(make_instance: Make, gate: Gate) -> None:
    instance = make_instance(config=CONFIG.format(grace=30))
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    instance.launch(service([*TWISTD, *options])).wait_until_ready()
    file = instance.home / "etc" / "zcasync.conf"
    file.write_text("<zcasync>\n  grace-period 20\n</zcasync>\n")
    instance.send(signal.SIGHUP)
    said = "grace-period is 20 now (before: 30)"
    wait_until(lambda: said in instance.output, "the configuration", seen=instance.evidence)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        instance.send(number)
    wait_until(lambda: "the supervisor is at" in instance.output, "its stacks")
    ten_jobs_work(instance)
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    to_all(instance, signal.SIGTERM)
    gate.open()
    assert instance.wait() == 0, instance.evidence()
    assert engine_of(instance.home) == ""
    with stored(instance.home) as client:
        assert client.connection.get(running._p_oid)._interruptions == 0


# stopped by a signal


@pytest.mark.parametrize("with_server", [False, True], ids=["supervisor", "all"])
def test_a_stopped_supervisor_is_named_at_once(
    make_instance: Make, command_line: Callable[..., tuple[int, str]], with_server: bool
) -> None:
    instance = started(make_instance)
    instance.close_client()
    told = f"process {instance.pid} is stopped (fg, or kill -CONT {instance.pid})"
    server = instance.status()["server_pid"]
    stopped = [instance.pid, *([server] if with_server else [])]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(
            lambda: all(psutil.Process(one).status() == "stopped" for one in stopped), "a stop"
        )
        began = time.monotonic()
        code, said = command_line("status", "--home", instance.home, "--timeout", 100)
        assert told in said
        assert (code, f"process {server} is stopped" in said) == (3 * with_server, with_server)
        assert told in command_line("ghosts", "--home", instance.home, "--timeout", 100)[1]
        code, said = command_line("status", "--check", "--home", instance.home, "--timeout", 100)
        assert code in (2, 3), said
        code, said = command_line("stop", "--home", instance.home, "--timeout", 100)
        assert (code, told in said) == (3, True)
        assert time.monotonic() - began < 50  # none has waited for its timeout
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    ten_jobs_work(instance)
    assert instance.stop() == 0


@pytest.fixture
def command_line() -> Callable[..., tuple[int, str]]:
    """Runs a command as a process of its own; its exit code, and all that it has printed."""

    def run(*words: object) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "zcasync.cli.main", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
        )
        return done.returncode, done.stdout

    return run
