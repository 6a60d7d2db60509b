"""The demo's jobs: put in one commit, performed, judged by their records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

import zcasync
from zcasync.datamanager import find, install
from zcasync.demo.counting import Totals
from zcasync.demo.index import ROOT_KEY, Mention
from zcasync.demo.jobs import Jobs
from zcasync.demo.source import Portion, portions, source_files
from zcasync.errors import NotRunning
from zcasync.testing import drain


@pytest.fixture
def connection() -> Iterator[Any]:
    """A connection of an empty database."""
    zcasync.configure()
    db = DB(MappingStorage())
    made = db.open(transaction.TransactionManager())
    yield made
    made.transaction_manager.abort()
    made.close()
    db.close()


@pytest.fixture
def dealt(tmp_path: Path) -> list[Portion]:
    """Two portions: a package and the small modules."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "one.py").write_text("import alpha\n")
    (tmp_path / "two.py").write_text("alpha\nbeta\n")
    return portions(source_files(tmp_path))


@pytest.fixture
def jobs(connection: Any, tmp_path: Path, dealt: list[Portion]) -> Jobs:
    install(connection)
    connection.transaction_manager.commit()
    return Jobs(connection, tmp_path, dealt)


def test_jobs_need_a_data_manager(connection: Any, tmp_path: Path, dealt: list[Portion]) -> None:
    with pytest.raises(NotRunning, match="no data manager yet"):
        Jobs(connection, tmp_path, dealt)
    assert ROOT_KEY not in connection.root()


def test_jobs_and_an_empty_index_are_committed_together(jobs: Jobs, connection: Any) -> None:
    with connection.db().transaction() as other:
        assert len(find(other).thread) == 2  # type: ignore[union-attr]
        assert other.root()[ROOT_KEY].totals() == Totals()
    assert jobs.look() == []


def test_performed_jobs_fill_the_index(jobs: Jobs, connection: Any) -> None:
    drain(find(connection))
    assert jobs.look() == jobs.all
    assert jobs.problems() == []
    assert jobs.interrupted() == []
    assert jobs.index.totals() == Totals(files=2, lines=3, tokens=4)
    assert jobs.index.lookup("alpha") == [Mention("package/one.py", 1), Mention("two.py", 1)]
    assert [job.partial.result for job in jobs.all] == [
        {"files": 1, "lines": 1},
        {"files": 1, "lines": 2},
    ]


def test_a_job_is_found_by_the_id_that_status_shows(jobs: Jobs) -> None:
    for job in jobs.all:
        assert jobs.find(job.id) is job
    assert jobs.find("0xffff") is None
    assert jobs.find(None) is None


def test_the_slowest_jobs_come_first(jobs: Jobs, connection: Any) -> None:
    drain(find(connection))
    assert [job.seconds for job in jobs.all] == [0, 0], "no time passes while drain works"
    slow = jobs.all[1].partial
    slow._started -= 60_000_000
    assert jobs.slowest(1) == [jobs.all[1]]
    assert jobs.slowest(1)[0].seconds == 60
    assert len(jobs.slowest(5)) == 2


def test_a_job_that_failed_is_a_problem_with_its_id(jobs: Jobs) -> None:
    broken = jobs.all[0]
    broken.partial.fail(RuntimeError("no more disk"))
    assert broken in jobs.look()
    assert jobs.problems() == [f"job {broken.id}: no more disk"]
