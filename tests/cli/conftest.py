"""A supervisor that the tests of commands share, and a way to run command lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gates import Gate
from tests.support import ROOT, Client, Instance, short_folder
from zcasync.cli.main import execute

SECONDS = 60.0
CONFIG = """
<zcasync>
  grace-period 5
  poll-seconds 2
</zcasync>
"""


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
    with short_folder() as folder:
        instance = Instance(folder / "home", children=2, config=CONFIG)
        try:
            yield instance.start()
        finally:
            instance.end()


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


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "zcasync.cli.main", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
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


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate for the test's jobs; open in the end, so that no job waits for ever."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def make_instance(folder: Path) -> Iterator[Callable[..., Instance]]:
    """Makes instances of the test's own; they end with it."""
    made: list[Instance] = []

    def make(name: str = "home", children: int | None = 1, config: str = CONFIG) -> Instance:
        made.append(Instance(folder / name, children, config))
        return made[-1]

    try:
        yield make
    finally:
        for instance in made:
            instance.end()
