"""Records of schedules damaged in any way: everybody goes on, and so do the other schedules."""

from __future__ import annotations

import os
import random
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.jobs import samples
from tests.salvage.survivor import Home, Survivor
from tests.support.damage import DAMAGES, Damage, truncated
from tests.support.sessions import Session
from zcasync import clock
from zcasync.job.loadable import why_unloadable

#: So many that the trees have several records each.
COUNT = 100
READING = (("schedules",), ("schedules", "--json"), ("schedule", "n7"), ("status",))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    os.chmod(tmp_path, 0o700)
    before = os.umask(0o077)
    made, _ = Home.make(tmp_path / "home")
    os.umask(before)
    with closing(made.open()) as db:
        session = Session(db)
        for number in range(COUNT):
            how = {"every": timedelta(hours=1), "overlap": "allow"}
            schedule = session.manager.schedules.add(f"n{number}", samples.nothing, **how)
            schedule.plan(clock.now() - 3_610_000_000)
            session.manager.require_agenda().file(schedule, clock.now() - 10_000_000)
        session.commit()
        session.close()
    return made


def oids(home: Home, what: str) -> list[bytes]:
    """The records of a part of the agenda, the first one of a tree first."""
    with closing(home.open()) as db:
        session = Session(db)
        agenda = session.manager.require_agenda()
        if what == "agenda":
            found = [agenda]
        elif what == "schedules":
            found = list(agenda.schedules())
        else:
            tree = getattr(agenda, what)
            found = [tree, *tree.__getstate__()[0][::2]]
        session.close()
        return [one._p_oid for one in found]


@pytest.mark.parametrize("seed", range(int(os.environ.get("ZCASYNC_DAMAGE_SEEDS", "2"))))
@pytest.mark.parametrize("what", ["agenda", "_by_name", "_moments", "schedules"])
@pytest.mark.parametrize("how", DAMAGES)
def test_damage_of_any_kind_stops_neither_commands_nor_an_engine(
    home: Home, what: str, how: Damage, seed: int
) -> None:
    chance = random.Random(seed)
    home.damage(chance.choice(oids(home, what)[: seed + 1]), how, chance)
    for words in READING:
        home.run(*words)
    with closing(home.open()) as db:
        Survivor(db).work()
    for words in READING:
        home.run(*words)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_all_schedules_tick_where_the_tree_of_their_ticks_is_damaged(
    home: Home, number: int
) -> None:
    home.damage(oids(home, "_moments")[number], truncated, random.Random(1))
    with closing(home.open()) as db:
        Survivor(db).work()
        session = Session(db)
        schedules = session.manager.schedules
        assert len(schedules) == COUNT
        assert all(len(schedules[name].runs) == 1 for name in schedules)
        session.close()


def test_the_others_tick_where_one_is_damaged(home: Home) -> None:
    hit = oids(home, "schedules")[3]
    home.damage(hit, truncated, random.Random(1))
    with closing(home.open()) as db:
        engine = Survivor(db)
        engine.work()
        assert [line for line in engine.log if "is damaged and set aside" in line]
        session = Session(db)
        schedules = session.manager.schedules
        found = [schedules.get(name) for name in schedules]
        sound = [one for one in found if why_unloadable(one) is None]
        assert len(sound) == COUNT - 1
        assert all(len(one.runs) == 1 for one in sound if one is not None)
        session.close()
