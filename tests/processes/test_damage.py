"""Supervisors and commands as real processes over a database with damaged records."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.jobs import basic as jobs
from tests.salvage.survivor import Home
from tests.support.damage import DAMAGES, overwrite, truncated, with_random_bytes
from tests.support.instance import SHORT, Instance, short_folder
from tests.support.sessions import ONE
from zcasync.job.ids import hex_oid
from zcasync.testing.waiting import wait_until

pytestmark = pytest.mark.leaves("anything")  # damaged records stay where they are
#: Of these no supervisor can take what there is for what was there.
SURE = (with_random_bytes, truncated)
#: Every command that reads, each with the codes with which it can end here.
READING = {
    "status": (0,),
    "jobs --limit 300": (0,),
    "jobs --json --limit 300": (0,),
    "jobs --state pending": (0,),
    "top": (0,),
    "tail --last 5 --seconds 0.1": (0,),
    "ghosts": (0, 1),
    "check": (0, 2),
    "check --deep": (1, 2),
    "check --deep --json": (1, 2),
}


@pytest.fixture
def home() -> Iterator[tuple[Home, dict[str, list[bytes]]]]:
    with short_folder() as folder:
        yield Home.make(folder / "home")


def run(instance: Instance, words: str, codes: tuple[int, ...]) -> str:
    """Run a command as a process: it ends with one of these codes, and without a traceback."""
    command = [sys.executable, "-m", "zcasync.cli.main", *words.split(), "--home"]
    done = subprocess.run(
        [*command, str(instance.home)],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in codes, f"{words}: {done}"
    assert "traceback" not in done.stderr.lower(), f"{words}: {done.stderr}"
    assert done.stderr.count("\n") <= 1, f"{words}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("seed", [1])
def test_all_other_jobs_run_and_the_damaged_ones_are_named_and_discarded(
    home: tuple[Home, dict[str, list[bytes]]], seed: int
) -> None:
    place, made = home
    chance = random.Random(seed)
    every = [oid for some in made.values() for oid in some]
    hit = dict(zip(chance.sample(every, 3 * len(DAMAGES)), 3 * DAMAGES, strict=True))
    for oid, how in hit.items():
        place.damage(oid, how, chance)
    instance = Instance(place.path, children=2, config=SHORT)
    try:
        client = instance.start().client
        others = [
            client.connection.get(oid)
            for kind in ("pending", "active", "callbacks", "waiting")
            for oid in made[kind]
            if oid not in hit
        ]
        client.wait_for(*others)
        for words, codes in READING.items():
            run(instance, words, codes)
        named = run(instance, "check --deep", (1, 2))
        sure = [oid for oid, how in hit.items() if how in SURE]
        for oid in sure:
            assert hex_oid(oid) in named
            run(instance, f"job {hex_oid(oid)}", (0,))
            run(instance, f"cancel {hex_oid(oid)}", (1,))
            run(instance, f"discard {hex_oid(oid)}", (0,))
        listed = run(instance, "jobs --limit 300", (0,))
        assert not [oid for oid in sure if f"{hex_oid(oid)} " in listed]
        run(instance, "pack", (0,))
        assert instance.stop() == 0
    finally:
        instance.end()


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_lanes_claims_and_workers_cost_what_they_hold(
    home: tuple[Home, dict[str, list[bytes]]], seed: int
) -> None:
    place, _ = home
    chance, records = random.Random(seed), place.records()
    kinds = sorted(kind for kind in records if not kind.endswith(("Partial", "Sidecar")))
    hit = [chance.choice(records[kind]) for kind in chance.sample(kinds, 5)]
    for oid in hit:
        place.damage(oid, chance.choice(SURE), chance)
    instance = Instance(place.path, children=2, config=SHORT)
    try:
        client = instance.start().client
        assert client.wait_for(client.put(jobs.echo, "new")) == (("new",), {})
        for words, codes in READING.items():
            run(instance, words, codes)
        run(instance, f"release {ONE}", (0, 1))
        run(instance, "check --deep --repair", (0, 1, 2))
        assert instance.stop() == 0
        for words, codes in READING.items():
            if words not in ("top", "tail --last 5 --seconds 0.1"):
                run(instance, words, (*codes, 0))
    finally:
        instance.end()


def test_a_record_that_is_damaged_while_its_engine_runs_is_begun_anew_and_logged() -> None:
    with short_folder() as folder:
        instance = Instance(folder / "home", children=1, config=SHORT)
        try:
            client = instance.start().client
            client.wait_for(client.put(jobs.echo, 1))
            [claims, *_] = instance.worker().thread.lists()
            overwrite(client.db.storage, claims._p_oid, lambda data: data[:9])
            assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
            said = f"record {hex_oid(claims._p_oid)}, a list of the thread claims of worker"
            wait_until(lambda: said in instance.log, said, seen=instance.evidence)
            assert instance.stop() == 0
        finally:
            instance.end()
