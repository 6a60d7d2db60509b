"""Two hundred jobs of all states, records damaged in any way, and everybody goes on.

One process, many seeds; with real processes, and few, in ``tests/processes/test_damage.py``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.salvage.survivor import Home, Survivor
from tests.support.damage import (
    DAMAGES,
    Damage,
    truncated,
    with_random_bytes,
)
from tests.support.sessions import Session
from zcasync.errors import ConfigurationError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.job.ids import hex_oid
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.queues.discard import discard_unreadable

SEEDS = int(os.environ.get("ZCASYNC_DAMAGE_SEEDS", "12"))
MORE_SEEDS = int(os.environ.get("ZCASYNC_DAMAGE_SEEDS", "1"))
FIRST = int(os.environ.get("ZCASYNC_DAMAGE_SEED", "0"))
READING = (
    ("status",),
    ("status", "--json"),
    ("jobs", "--limit", "300"),
    ("jobs", "--json", "--limit", "300"),
    ("ghosts",),
    ("check",),
    ("check", "--deep"),
    ("check", "--deep", "--json"),
)
#: Those that no check of types can take for what was there.
SURE = {with_random_bytes.__name__, truncated.__name__}

Made = tuple[Home, dict[str, list[bytes]], dict[str, list[bytes]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A home, its jobs by what they are, and its records by their classes."""
    before = os.umask(0o077)
    home, jobs = Home.make(tmp_path_factory.mktemp("damage") / "home")
    os.umask(before)
    return home, jobs, home.records()


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Callable[[], Home]:
    os.chmod(tmp_path, 0o700)
    return lambda: made[0].copy(tmp_path / "home")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_damage_of_any_kind_stops_neither_commands_nor_an_engine(
    made: Made, copy: Callable[[], Home], seed: int
) -> None:
    home, chance = copy(), random.Random(seed)
    hit = home.damage_any(made[2], chance.randint(1, 6), chance)
    said = [home.run(*words)[1] for words in READING]
    for oid, how in hit.items():
        home.run("job", hex_oid(oid))
        assert how not in SURE or hex_oid(oid) in said[6], f"{hex_oid(oid)} is not named"
    with closing(home.open()) as db:
        Survivor(db).work()
    for words in READING:
        home.run(*words)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + MORE_SEEDS))
@pytest.mark.parametrize("how", DAMAGES)
def test_all_jobs_but_the_damaged_ones_run_and_those_can_be_discarded(
    made: Made, copy: Callable[[], Home], how: Damage, seed: int
) -> None:
    home, (_, jobs, _), chance = copy(), made, random.Random(4711 + seed)
    hit = sorted({oid for some in jobs.values() for oid in chance.sample(some, 2)})
    for oid in hit:
        home.damage(oid, how, chance)
    with closing(home.open()) as db:
        Survivor(db).work()
        session = Session(db)
        for kind in ("pending", "active", "waiting", "callbacks"):
            for oid in set(jobs[kind]) - {*hit}:
                assert session.connection.get(oid).state == COMPLETED, kind
        for oid in set(jobs["held"]) - {*hit}:
            assert session.connection.get(oid).state == PENDING
        for oid in hit:
            if broken(get(session.connection, oid, PartialRecord)) is not None:
                assert discard_unreadable(session.manager, oid), hex_oid(oid)
        session.commit()
        session.close()
    left = home.run("jobs", "--limit", "300")[1]
    assert "cannot be loaded" not in left


@pytest.mark.parametrize("how", [with_random_bytes, truncated])
def test_the_data_manager_is_restored_as_it_was(
    made: Made, copy: Callable[[], Home], how: Damage
) -> None:
    home, (_, jobs, _) = copy(), made
    with closing(home.open()) as db:
        session = Session(db)
        oid = session.manager._p_oid
        session.close()
    home.damage(oid, how, random.Random(4711))
    assert hex_oid(oid) in home.run("check", "--deep")[1]
    with closing(home.open()) as db:
        survivor = Survivor(db)
        survivor.work()
        assert f"record {hex_oid(oid)}, the record of the data manager" in survivor.log[0]
        session = Session(db)
        assert {session.connection.get(one).state for one in jobs["pending"]} == {COMPLETED}
        session.close()
    assert home.run("check", "--deep")[0] == 0


def test_without_a_data_manager_everything_ends_with_what_to_do(
    made: Made, copy: Callable[[], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy()
    monkeypatch.setattr("zcasync.salvage.records.restore", lambda obj: False)
    with closing(home.open()) as db:
        session = Session(db)
        oid = session.manager._p_oid
        session.close()
    home.damage(oid, with_random_bytes, random.Random(4711))
    for words in READING:
        assert home.run(*words)[0] == 2
    with closing(home.open()) as db, pytest.raises(ConfigurationError, match="restore a backup"):
        Survivor(db).work()
