"""zcasync check --deep: the database, served or not, its findings, and their repair."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZODB import DB
from ZODB.FileStorage import FileStorage

from tests.cli.conftest import Result
from tests.support.instance import Client, Instance, stored
from zcasync import Partial, clock
from zcasync.database.packing import open_file
from zcasync.datamanager import install
from zcasync.instance.home import Home
from zcasync.job.ids import id_of

Cli = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a database of two jobs that wait, which nobody serves."""
    made = Home(tmp_path / "home")
    made.create()
    db = DB(FileStorage(os.fspath(made.data_fs)))
    with db.transaction() as connection:
        install(connection).thread.put_many([abs, abs])
    db.close()
    return made


def lose_a_job(home: Home) -> str:
    """Let a lane vanish with a job; the id of the job."""
    db = DB(open_file(home.data_fs, home.blobs))
    connection = db.open(transaction_manager=transaction.TransactionManager())
    job_id = lose(connection, install(connection))
    connection.close()
    db.close()
    return job_id


def lose(connection: Any, manager: Any) -> str:
    """Put a job and let its lane vanish."""
    later = clock.to_datetime(clock.now()) + timedelta(hours=1)
    before = set(manager.thread.lanes())
    partial = manager.thread.put(Partial(abs, -1), begin_after=later)
    connection.transaction_manager.commit()
    [lane] = set(manager.thread.lanes()) - before
    del manager.thread._lanes[lane]
    connection.transaction_manager.commit()
    return id_of(partial)


def test_a_sound_database_has_no_findings(home: Home, cli: Cli) -> None:
    done = cli("check", "--deep", "--home", home.path)
    assert (done.code, done.err) == (0, "")
    assert "2 jobs among" in done.out
    assert "each is in its place" in done.out
    assert "MEANING" not in done.out
    found = cli("check", "--deep", "--home", home.path, "--json").json
    assert found["ok"] is True
    assert (found["deep"]["findings"], found["deep"]["jobs"]) == ([], 2)
    assert found["deep"]["records"] > 2
    assert "settings" in found


def test_a_database_that_nobody_serves_is_looked_at_and_repaired(home: Home, cli: Cli) -> None:
    job_id = lose_a_job(home)
    done = cli("check", "--deep", "--home", home.path)
    assert done.code == 1
    lines = [line for line in done.out.splitlines() if not line.startswith("WARNING: ")]
    assert max(map(len, lines)) <= 100
    for text in ("KIND", "lost", job_id, "builtins.abs waits", "1 finding", "--repair"):
        assert text in done.out
    assert cli("check", "--deep", "--home", home.path).code == 1, "it was only looked at"

    done = cli("check", "--deep", "--repair", "--home", home.path, "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    [found] = done.json["deep"]["findings"]
    assert (found["kind"], found["id"], found["repaired"]) == ("lost", job_id, True)
    assert cli("check", "--deep", "--home", home.path).code == 0
    with stored(home.path) as client:
        assert len(client.manager.thread) == 3
        log = client.db.storage.undoLog(0, 1)
        assert log[0]["description"].startswith(
            f"zcasync check --repair: lost: {job_id}: ".encode()
        )


def test_a_repair_says_in_words_what_it_has_done(home: Home, cli: Cli) -> None:
    lose_a_job(home)
    done = cli("check", "--deep", "--repair", "--home", home.path)
    assert done.code == 1
    assert "done: it waits in its queue again" in " ".join(done.out.split())
    assert "1 set right, 0 left" in done.out


def test_a_database_that_another_process_has_is_not_repaired(home: Home, cli: Cli) -> None:
    storage = open_file(home.data_fs, home.blobs)
    try:
        done = cli("check", "--deep", "--repair", "--home", home.path)
        assert done.code == 3
        assert "in use by another process" in done.error
        assert cli("check", "--deep", "--home", home.path).code == 0
    finally:
        storage.close()


def test_a_home_without_a_database_has_nothing_to_look_at(cli: Cli, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    for more in ([], ["--repair"]):
        done = cli("check", "--deep", "--home", home.path, *more)
        assert done.code == 0
        assert "nothing to walk through" in done.out
    assert cli("check", "--deep", "--home", home.path, "--json").json["deep"]["findings"] == []
    assert not home.data_fs.exists()


def test_problems_of_the_home_come_first(home: Home, cli: Cli) -> None:
    lose_a_job(home)
    home.config_file.write_text("<zcasync>\n surprise 1\n</zcasync>\n")
    done = cli("check", "--deep", "--home", home.path)
    assert done.code == 2
    assert "surprise" in done.out
    assert "not looked at" in done.out


def test_repair_without_deep_is_wrong_use(home: Home, cli: Cli) -> None:
    done = cli("check", "--repair", "--home", home.path)
    assert done.code == 2
    assert "--repair needs --deep" in done.error


def test_the_help_has_examples(cli: Cli) -> None:
    assert "zcasync check --deep --repair" in cli("check", "--help").out


def test_a_served_database_is_looked_at_and_repaired_while_it_works(
    served: Instance, client: Client, cli: Cli
) -> None:
    assert cli("check", "--deep").code == 0
    fresh = served.new_client()
    job_id = lose(fresh.connection, fresh.manager)
    fresh.close()
    found = cli("check", "--deep", "--json")
    assert (found.code, [one["id"] for one in found.json["deep"]["findings"]]) == (1, [job_id])
    assert cli("check", "--deep", "--repair").code == 1
    assert cli("check", "--deep").code == 0
    assert cli("cancel", job_id).code == 0
