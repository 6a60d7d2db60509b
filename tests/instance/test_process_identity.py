"""Which process is meant: by more than its pid."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from zcasync.instance import process_identity as identity
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.testing.waiting import wait_until


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits until its input ends."""
    started = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield started
    started.communicate(timeout=30)


def test_this_process_is_alive() -> None:
    here = ProcessIdentity.here()

    assert here.pid == os.getpid()
    assert here.is_alive() is True
    assert here == ProcessIdentity.of(os.getpid())


def test_a_process_that_has_ended_is_not_alive(process: subprocess.Popen[bytes]) -> None:
    there = ProcessIdentity.of(process.pid)
    assert there.is_alive() is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert there.is_alive() is False, "a zombie does nothing any more"
    process.wait()
    assert there.is_alive() is False


def test_a_process_that_a_signal_has_stopped_is_frozen_and_alive(
    process: subprocess.Popen[bytes],
) -> None:
    there = ProcessIdentity.of(process.pid)
    assert not there.is_frozen()
    process.send_signal(signal.SIGSTOP)
    wait_until(there.is_frozen, "the process to be frozen")
    assert there.is_alive() is True
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: not there.is_frozen(), "the process to go on")
    process.kill()
    process.wait()
    assert not there.is_frozen()


def test_a_later_process_with_the_same_pid_is_another_one() -> None:
    here = ProcessIdentity.here()

    assert dataclasses.replace(here, start_ticks=here.start_ticks - 1).is_alive() is False


@pytest.mark.parametrize(
    "change", [{"boot_id": "another"}, {"pid_namespace": "another"}, {"boot_id": ""}]
)
def test_an_identity_of_another_machine_is_unknown(change: dict[str, str]) -> None:
    assert dataclasses.replace(ProcessIdentity.here(), **change).is_alive() is None
    assert dataclasses.replace(ProcessIdentity.here(), pid=0, **change).is_alive() is None


def test_the_name_of_the_machine_decides_nothing() -> None:
    assert dataclasses.replace(ProcessIdentity.here(), host="renamed").is_alive() is True


def test_an_identity_survives_a_json_file() -> None:
    here = ProcessIdentity.here()

    assert ProcessIdentity.from_dict(json.loads(json.dumps(here.as_dict()))) == here


@pytest.mark.parametrize("found", [{}, {"pid": 1}, [], "text", None, {"pid": "x"}])
def test_text_that_is_no_identity_is_refused(found: object) -> None:
    whole = ProcessIdentity.here().as_dict()
    with pytest.raises((KeyError, TypeError, ValueError)):
        ProcessIdentity.from_dict({**whole, **found} if found == {"pid": "x"} else found)


def test_a_platform_that_shows_nothing_leaves_an_identity_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity, "_boot_id", lambda: identity.UNKNOWN)

    assert ProcessIdentity.here().is_alive() is None


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process can be seen in /proc; the kernel knows them all the same."""
    monkeypatch.setattr(identity, "_stat", lambda pid: None)


def test_a_process_that_is_hidden_may_be_alive(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ProcessIdentity.of(process.pid)
    monkeypatch.setattr(identity, "_stat", lambda pid: None)

    def refuse(pid: int, number: int) -> None:
        raise PermissionError(pid)

    assert there.is_alive() is None, "ours, which a signal could reach"
    with monkeypatch.context() as patched:
        patched.setattr("os.kill", refuse)
        assert there.is_alive() is None, "another user's"
    assert not there.is_frozen()
    process.kill()
    process.wait()
    assert there.is_alive() is False, "no process has its pid"


def test_an_identity_that_could_not_see_itself_is_unknown(hidden: None) -> None:
    here = ProcessIdentity.here()
    assert here.start_ticks == 0
    assert here.is_alive() is None


def test_an_identity_of_a_hidden_process_is_not_compared_with_what_is_seen() -> None:
    assert dataclasses.replace(ProcessIdentity.here(), start_ticks=0).is_alive() is None


def test_namespaces_that_cannot_be_known_are_not_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_pid_namespace", lambda: identity.UNKNOWN)
    there = dataclasses.replace(ProcessIdentity.here(), start_ticks=1)
    assert there.is_alive() is None


def test_pids_of_another_namespaces_proc_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container has a new pid namespace and the /proc from before."""
    later = dataclasses.replace(ProcessIdentity.here(), start_ticks=1)
    monkeypatch.setattr("os.readlink", lambda path: "1")
    assert later.is_alive() is None
    assert ProcessIdentity.here().is_alive() is None
