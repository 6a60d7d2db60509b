"""Quotas with real supervisors: never more at once than may be, whoever is killed."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from tests.jobs import quotas as jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.instance import SHORT, Client, Instance
from zcasync.partial import Partial

COUNT, LIMIT, SECONDS = 1000, 3, 0.01
KILLS = 8


def places(folder: Path) -> list[str]:
    """The place of each run so far."""
    path = folder / "runs"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def put_half(client: Client, folder: Path, first: int) -> list[bytes]:
    """Put every other job, in a lane of this client; the oids."""
    client.sync()
    partials = client.manager.thread.put_many(
        [
            Partial(jobs.take_place, str(folder), LIMIT, number, SECONDS)
            for number in range(first, COUNT, 2)
        ],
        quota="solr",
    )
    client.commit()
    return [partial._p_oid for partial in partials]


def test_a_limit_holds_in_a_thousand_jobs_of_two_supervisors_whoever_is_killed(
    folder: Path, make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    chance = random.Random(4711)
    with database_server(folder) as port:
        config = AT_SERVER.format(port=port) + SHORT
        names = ("first", "second")
        pair = [make_instance(name, config=config, children=4).launch() for name in names]
        first, second = (instance.wait_until_ready() for instance in pair)
        client = first.client
        client.manager.quotas.set("solr", limit=LIMIT)
        client.commit()
        oids = put_half(first.client, tmp_path, 0) + put_half(second.client, tmp_path, 1)
        client.sync()
        partials = [client.connection.get(oid) for oid in oids]
        for kill in range(KILLS):
            due = COUNT * (kill + 1) // (KILLS + 2)
            client.wait_until(lambda due=due: len(places(tmp_path)) >= due, f"{due} runs", 120)
            victims = [pid for one in pair if one.is_alive for pid in one.child_pids()]
            if kill == KILLS // 2:
                second.kill()
            else:
                os.kill(chance.choice(victims), signal.SIGKILL)

        assert client.wait_for(*partials, timeout=180) == [*range(0, COUNT, 2), *range(1, COUNT, 2)]
        assert set(places(tmp_path)) == {"0", "1", "2"}
        assert len(places(tmp_path)) <= COUNT + KILLS + LIMIT
        client.sync()
        assert client.manager.quotas.holders("solr") == []
        workers = client.manager.workers.values()
        client.wait_until(
            lambda: sum(len(worker.completed) for worker in workers) == COUNT,
            "the workers to have retired each job once",
        )
        assert first.stop() == 0
