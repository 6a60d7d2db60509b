"""What listings load: bounded, however many workers there have been, and whatever was put."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ZODB import DB
from ZODB.FileStorage import FileStorage

from tests.cli.conftest import cli as cli
from tests.jobs import samples
from tests.support.fixtures import with_manager
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.datamanager import Worker
from zcasync.instance.home import Home
from zcasync.instanceuuid import getUUID
from zcasync.reports import walk
from zcasync.reports.job import REPR_CHARACTERS, describe, safe_repr, summary
from zcasync.reports.listing import listing
from zcasync.reports.selection import Selection
from zcasync.reports.walk import chosen


def add_workers(session: Session, count: int) -> list[Worker]:
    made = [Worker(uuid.uuid4()) for _ in range(count)]
    for worker in made:
        session.manager.workers.add(worker)
    session.commit()
    return made


def loaded(objects: Any) -> int:
    return sum(one._p_changed is not None for one in objects)


def test_of_very_many_workers_only_a_part_is_looked_at(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MOST_WORKERS", 5)
    add_workers(connect(), 20)
    session = connect()
    assert listing(session.manager, Selection(), 10, summary) == []
    assert loaded(session.manager.workers.values()) <= 5
    assert len(chosen(session.manager, 3)) == 3
    assert loaded(session.manager.workers.values()) <= 6


def test_the_worker_of_the_home_comes_first_and_then_those_with_an_engine(
    connect: Connect,
) -> None:
    session = connect()
    made = add_workers(session, 6)
    made[2].engineUUID = made[4].engineUUID = uuid.uuid4()
    found = chosen(session.manager, 4, made[5].UUID)
    assert found[0] is made[5]
    assert set(found[1:3]) == {made[2], made[4]}
    assert len(found) == 4
    assert chosen(session.manager, 1, uuid.uuid4())[0] in (made[2], made[4])


@pytest.mark.parametrize("form", [summary, describe])
def test_one_job_is_in_memory_at_a_time(connect: Connect, form: Callable[..., Any]) -> None:
    session = connect()
    partials = [session.queue.put(Partial(samples.echo, "x" * 1000)) for _ in range(5)]
    for partial in partials:
        partial.annotations["large"] = "y" * 1000
    session.commit()
    other = connect()
    seen = [other.same(partial) for partial in partials]
    most = 0

    def shown(partial: Any) -> Any:
        nonlocal most
        made = form(partial)
        most = max(most, loaded(seen))
        return made

    assert len(listing(other.manager, Selection(), 5, shown)) == 5
    assert most == 1
    assert loaded(seen) == 0
    assert loaded(one.sidecar.annotations for one in seen) == 0


def test_a_long_text_is_cut_before_it_is_written_out() -> None:
    for long in ("x" * 20_000_000, b"\0" * 20_000_000):
        shown = safe_repr(long)
        assert len(shown) == REPR_CHARACTERS
        assert shown.endswith("... (20,000,000 characters)")
    assert safe_repr("x" * 20_000).endswith("... (20,002 characters)")
    assert safe_repr("x" * 10) == "'xxxxxxxxxx'"


def test_status_shows_as_many_workers_as_asked(tmp_path: Path, cli: Callable[..., Any]) -> None:
    home = Home(tmp_path / "home")
    home.create()
    own = getUUID(home.path)
    db = DB(FileStorage(str(home.data_fs)))
    with_manager(db)
    session = Session(db)
    session.manager.workers.add(Worker(uuid.UUID(bytes=own.bytes)))
    add_workers(session, 5)
    session.close()
    db.close()

    told = cli("status", "--limit", "2", "--home", home.path, "--json").json
    assert [one["is_here"] for one in told["workers"]] == [True, False]
    assert told["workers_in_all"] == 6
    words = cli("status", "--limit", 2, "--home", home.path).out
    assert "2 of 6 workers; --limit shows more." in words
    assert "--limit" not in cli("status", "--home", home.path).out
