"""A supervisor that the tests of commands share, and a way to run command lines."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import ROOT, Client, Instance, running
from zcasync.cli.main import execute
from zcasync.datamanager import Worker
from zcasync.job.ids import id_of
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    """What a command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on standard error."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("zcasync: "), self.err
        return self.err


@pytest.fixture(scope="package")
def shared_instance() -> Iterator[Instance]:
    with running(leaves=["broken"]) as instance:
        yield instance


@pytest.fixture
def served(shared_instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A supervisor with two children that the tests share; ``INSTANCE_HOME`` names its home."""
    assert shared_instance.is_alive, shared_instance.evidence()
    monkeypatch.setenv("INSTANCE_HOME", str(shared_instance.home))
    shared_instance.client.sync()
    return shared_instance


@pytest.fixture
def client(served: Instance) -> Client:
    """A client of the shared supervisor's database."""
    return served.client


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command line in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = execute([str(one) for one in arguments])
        return Result(code, *capsys.readouterr())

    return run


def command(*arguments: object) -> Result:
    """Run a command line in this process, where the fixture is not at hand."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = execute([str(one) for one in arguments])
    return Result(code, out.getvalue(), err.getvalue())


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "zcasync.cli.main", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"stdin": subprocess.DEVNULL, **options},
    )


def finish(process: subprocess.Popen[str], timeout: float = SECONDS) -> Result:
    """Wait for the end of a command line; it is killed when it takes longer."""
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        return Result(process.returncode, out, err)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that does not run for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def extra_worker(client: Client, **attributes: Any) -> Iterator[Worker]:
    """A worker of another instance, in the database for a while."""
    worker = Worker(uuid.uuid4())
    for name, value in attributes.items():
        setattr(worker, name, value)
    client.sync()
    client.manager.workers.add(worker)
    client.commit()
    try:
        yield worker
    finally:
        client.sync()
        client.manager.workers.remove(worker)
        client.commit()


def kill_with_server(instance: Instance) -> int:
    """Kill a supervisor and its database server, neither of which can clean up; the server's pid.

    The server first, while the supervisor stands still: it ends well when that is gone, and a new
    one would be started.
    """
    server: int = instance.status()["server_pid"]
    instance.send(signal.SIGSTOP)
    with suppress(ProcessLookupError):
        os.kill(server, signal.SIGKILL)
    instance.kill()
    return server


@pytest.fixture
def ghost(make_instance: Callable[..., Instance], gate: Gate) -> tuple[Instance, str]:
    """A home whose supervisor was killed at work, and the id of the job that it holds."""
    instance = make_instance(children=1).start()
    partial = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    family = instance.descendants()
    job_id = id_of(partial)
    kill_with_server(instance)
    wait_until(lambda: all(map(is_gone, family)), "its processes to be gone")
    return instance, job_id
