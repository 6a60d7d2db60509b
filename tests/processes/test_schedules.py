"""Schedules of real supervisors: each tick has one job, wherever one is killed or frozen."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.arena import Arena, arena
from tests.chaos.jobs import Beats
from tests.chaos.points import Point
from tests.jobs import basic as jobs
from tests.support.instance import Client, Instance
from zcasync.testing.waiting import wait_until

SECONDS = 90.0
SECOND = 1_000_000


class Beating:
    """A schedule that ticks each second, with two supervisors on one database."""

    def __init__(self, ring: Arena, client: Client) -> None:
        self.ring, self.client = ring, client
        client.main.root()["beats"] = Beats()
        client.commit()
        client.manager.schedules.add(
            "beat", self.beats.beat, every=1, overlap="allow", catch_up="all"
        )
        client.commit()
        self.wait_for(2)

    @property
    def beats(self) -> Beats:
        return self.client.main.root()["beats"]  # type: ignore[no-any-return]

    def wait_for(self, count: int) -> None:
        """Wait until so many more ticks took effect."""
        self.client.sync()
        wanted = len(self.beats.entries) + count
        self.client.wait_until(
            lambda: len(self.beats.entries) >= wanted, f"{wanted} ticks", SECONDS
        )

    def end(self) -> list[int]:
        """Remove the schedule; all ticks that there were, from the first to the last."""
        self.client.sync()
        schedule = self.client.manager.schedules["beat"]
        first, last = schedule._anchor + SECOND, schedule._last
        self.client.manager.schedules.remove("beat")
        self.client.commit()
        expected = list(range(first, last + 1, SECOND))
        self.client.wait_until(
            lambda: set(expected) <= set(self.beats.entries), "all runs to be over", SECONDS
        )
        return expected

    def judge(self) -> None:
        """No tick has had no run, and none has had two."""
        expected = self.end()
        assert dict(self.beats.entries) == dict.fromkeys(expected, 1)


@pytest.fixture
def beating(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with arena(folder, monkeypatch, children=1) as ring:
        client = ring.client()
        try:
            yield Beating(ring, client)
        finally:
            client.close()


def test_a_supervisor_that_is_killed_at_a_tick_s_commit_neither_loses_nor_repeats_it(
    beating: Beating,
) -> None:
    ring = beating.ring
    for moment in ("before", "voted", "finished"):
        name = ring.traps.arm(Point("supervisor", "tick", moment), "kill")
        wait_until(lambda name=name: ring.traps.sprung(name), name, SECONDS, ring.evidence)
        pid = ring.traps.take(name)
        [killed] = [one for one in ring.pair if one.pid == pid]
        wait_until(lambda killed=killed: not killed.is_alive, "the supervisor to be gone")
        beating.wait_for(2)
        ring.restart_the_dead()
        killed.wait_until_ready()
    beating.judge()


def test_a_supervisor_that_freezes_at_a_tick_s_commit_leaves_it_to_the_other_one(
    beating: Beating,
) -> None:
    ring = beating.ring
    for moment in ("before", "finished"):
        name = ring.traps.arm(Point("supervisor", "tick", moment), "freeze")
        wait_until(lambda name=name: ring.traps.sprung(name), name, SECONDS, ring.evidence)
        pid = ring.traps.take(name)
        try:
            beating.wait_for(3)
        finally:
            os.kill(pid, signal.SIGCONT)
        for instance in ring.pair:
            instance.wait_until_ready()
    beating.judge()


def test_what_is_missed_while_no_supervisor_runs_is_caught_up_with_once(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=1).start()
    client = instance.client
    client.sync()
    client.manager.schedules.add("once", jobs.nothing, every=1)
    client.manager.schedules.add("skip", jobs.nothing, every=3600, catch_up="skip")
    client.commit()
    client.wait_until(lambda: client.manager.schedules["once"].runs, "a run")
    instance.close_client()
    instance.stop()
    instance.launch()
    instance.wait_until_ready()
    client = instance.client
    before = client.manager.schedules["once"].last_tick
    client.wait_until(
        lambda: client.manager.schedules["once"].last_tick > before, "it to tick again"
    )
    assert client.manager.schedules["skip"].runs == []
    client.manager.schedules.remove("once")
    client.commit()
