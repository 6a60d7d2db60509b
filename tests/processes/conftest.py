"""Supervisors for the tests with real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gates import Gate
from tests.support import Client, Instance, short_folder

#: For supervisors that tests stop: nobody wants to wait.
SHORT = """
<zcasync>
  grace-period 5
  poll-seconds 2
</zcasync>
"""


@pytest.fixture(scope="package")
def common_instance() -> Iterator[Instance]:
    with short_folder() as folder:
        instance = Instance(folder / "common", children=2, config=SHORT)
        try:
            yield instance.start()
        finally:
            instance.end()


@pytest.fixture
def common(common_instance: Instance) -> Instance:
    """A supervisor with two children that the tests share: none of them ends it."""
    assert common_instance.is_alive, common_instance.evidence()
    worker = common_instance.worker()
    worker.thread.size, worker.reactor.size = 2, 4
    common_instance.client.commit()
    common_instance.wait_for_children(2)
    return common_instance


@pytest.fixture
def client(common: Instance) -> Client:
    """A client of the shared supervisor's database."""
    common.client.sync()
    return common.client


@pytest.fixture
def make_instance(folder: Path) -> Iterator[Callable[..., Instance]]:
    """Makes instances of the test's own; they end with it."""
    made: list[Instance] = []

    def make(name: str = "home", children: int | None = 1, config: str = SHORT) -> Instance:
        made.append(Instance(folder / name, children, config))
        return made[-1]

    try:
        yield make
    finally:
        for instance in made:
            instance.end()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate for the test's jobs; open in the end, so that no job waits for ever."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()
