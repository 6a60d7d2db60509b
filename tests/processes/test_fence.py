"""A child of an engine that was buried, with a job that tries to commit past the fence."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import escapes
from tests.processes.servers import AT_SERVER, AT_SERVER_MOUNTED, AT_SERVER_TWICE, database_server
from tests.support.gates import Gate
from tests.support.instance import SHORT, Instance
from zcasync.testing.waiting import wait_until

MARKED = "<zcasync>\nmain-database site\n</zcasync>\n"


def tried_once_buried(instance: Instance, gate: Gate, report: Path) -> dict[str, str]:
    """Bury the engine of a job, which then tries all ways to commit; what each has come to."""
    client = instance.client
    client.put(escapes.try_all, gate.path, str(report))
    gate.wait_for()
    instance.send(signal.SIGSTOP)  # otherwise it finds out and kills the child
    try:
        client.sync()
        client.worker(instance.home).incarnation.end("buried by the tests")
        client.commit()
        gate.open()
        wait_until(report.exists, "the job to have tried all ways", seen=instance.evidence)
    finally:
        instance.send(signal.SIGCONT)
    client.sync()
    outcomes: dict[str, str] = json.loads(report.read_text())
    return outcomes


@pytest.mark.parametrize(
    ("config", "ways"),
    [
        (SHORT, escapes.IN_A_CHILD),
        (AT_SERVER, escapes.IN_A_CHILD),
        (AT_SERVER_TWICE, escapes.IN_A_CHILD_OF_TWO),
        (AT_SERVER_MOUNTED + MARKED, escapes.IN_A_CHILD_OF_TWO),
    ],
    ids=["embedded", "one database", "two databases", "one that is mounted"],
)
def test_no_code_of_a_child_commits_once_its_engine_is_buried(
    folder: Path,
    make_instance: Callable[..., Instance],
    gate: Gate,
    tmp_path: Path,
    config: str,
    ways: tuple[Callable[[Any], None], ...],
) -> None:
    """In whatever database and thread: the process has one engine."""
    report = tmp_path / "report"
    with database_server(folder) as port:
        instance = make_instance(config=config.format(port=port)).start()
        client = instance.client
        roots = [client.main.get_connection(name).root() for name in client.db.databases]
        for root in roots:
            root["before"] = 1
        client.transactions.get().note(escapes.UNDONE)
        client.commit()
        outcomes = tried_once_buried(instance, gate, report)
        assert [root for root in roots if escapes.ESCAPED in root] == []
        assert "before" in client.main.root()
        instance.stop()
    refused = ("FencedError", "ConflictError", "ReadConflictError")
    assert list(outcomes) == [way.__name__ for way in ways]
    assert [f"{way}: {how}" for way, how in outcomes.items() if not how.startswith(refused)] == []
