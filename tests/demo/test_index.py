"""The index: what jobs write and lookups read, in a database of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from zcasync.demo.counting import Totals
from zcasync.demo.index import Index, Mention, shard_of
from zcasync.demo.source import portions, source_files


@pytest.fixture
def db() -> Iterator[DB]:
    made = DB(MappingStorage())
    yield made
    made.close()


@pytest.fixture
def index(db: DB, tmp_path: Path) -> Iterator[Any]:
    """An index of two batches, stored and not yet filled."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "one.py").write_text("alpha = beta\nalpha = alpha\n")
    (package / "two.py").write_text("def alpha():\n    pass\n")
    (package / "bad.py").write_text("(")
    (tmp_path / "single.py").write_text("alpha\nalpha\nalpha\n")
    connection = db.open(transaction.TransactionManager())
    made = connection.root()["index"] = Index(tmp_path, portions(source_files(tmp_path)))
    connection.transaction_manager.commit()
    yield made
    connection.transaction_manager.abort()
    connection.close()


def fill(index: Index) -> None:
    for batch in index.batches:
        batch.fill()
    index._p_jar.transaction_manager.commit()


def test_an_index_that_nobody_filled_has_nothing(index: Index) -> None:
    assert index.totals() == Totals()
    assert index.lookup("alpha") == []


def test_a_filled_index_answers_from_any_connection(index: Index, db: DB) -> None:
    fill(index)
    with db.transaction() as connection:
        seen = connection.root()["index"]
        assert seen.lookup("alpha") == [
            Mention("single.py", 3),
            Mention("package/one.py", 2),
            Mention("package/two.py", 1),
        ]
        assert seen.lookup("beta") == [Mention("package/one.py", 1)]
        assert seen.lookup("nowhere") == []
        assert seen.totals() == Totals(files=3, lines=7, tokens=10, skipped=1)


def test_a_job_says_what_it_did(index: Index) -> None:
    package, single = index.batches
    assert package.fill() == {"files": 2, "lines": 4}
    assert single.fill() == {"files": 1, "lines": 3}


def test_work_that_is_stored_twice_is_counted_twice(index: Index) -> None:
    fill(index)
    index.batches[0].fill()
    index._p_jar.transaction_manager.commit()
    assert index.totals() == Totals(files=5, lines=11, tokens=17, skipped=2)
    names = [mention.name for mention in index.lookup("beta")]
    assert names == ["package/one.py", "package/one.py"]


def test_filling_one_batch_writes_no_record_of_another(index: Index) -> None:
    first, second = index.batches
    first.fill()
    changed = [one for one in (index, first, second) if one._p_changed]
    assert changed == [first]


def test_two_batches_are_filled_at_the_same_time_without_a_conflict(index: Index, db: DB) -> None:
    other = db.open(transaction.TransactionManager())
    other.root()["index"].batches[1].fill()
    index.batches[0].fill()
    index._p_jar.transaction_manager.commit()
    other.transaction_manager.commit()
    assert other.root()["index"].totals().files == 3
    other.close()


def test_a_lookup_loads_one_shard_of_each_batch(index: Index, db: DB) -> None:
    fill(index)
    with db.transaction() as connection:
        seen = connection.root()["index"]
        seen.lookup("alpha")
        for batch in seen.batches:
            loaded = [n for n, shard in enumerate(batch.shards) if shard._p_changed is not None]
            assert loaded == [shard_of("alpha")]


def test_a_token_has_the_same_shard_in_every_process() -> None:
    assert [shard_of(token) for token in ("alpha", "beta", "größe")] == [10, 3, 9]
