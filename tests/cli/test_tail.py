"""zcasync tail: what happens to jobs and workers, as it happens."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.cli.conftest import SECONDS, Result, kill_with_server, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from tests.support.json_schema import problems
from zcasync.job.ids import id_of
from zcasync.reports.events import Jobs
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


class Tail:
    """The events that a ``tail --json`` prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stdout is not None
        threading.Thread(target=self._read, args=[process.stdout], daemon=True).start()

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._lines.put(line)

    def next(self) -> dict[str, Any]:
        """The next event; it has the form of the schema."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"no more events than {self.events}") from None
        event: dict[str, Any] = json.loads(line)
        assert problems(event, "event") == []
        self.events.append(event)
        return event

    def until(self, name: str, job: str | None = None) -> dict[str, Any]:
        """The next event of this name, of one job or of any."""
        while True:
            event = self.next()
            if event["event"] == name and job in (None, event["job"]):
                return event

    def of(self, job: str) -> list[str]:
        """The names of the events of a job so far."""
        return [one["event"] for one in self.events if one["job"] == job]


@contextmanager
def tail(*words: object) -> Iterator[Tail]:
    """A tail that has begun: it has told of what was there."""
    process = start("tail", "--json", "--last", 1, *words)
    try:
        found = Tail(process)
        found.next()
        yield found
    finally:
        process.kill()
        process.wait()


def test_jobs_are_told_from_their_start_to_their_end(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    client.wait_for(client.put(jobs.nothing))
    client.wait_until(lambda: len(served.worker().completed), "a job to have ended")
    with tail() as told:
        done = client.put(jobs.nothing)
        told.until("completed", id_of(done))
        failed = client.put(jobs.raise_text, "no such order")
        end = told.until("failed", id_of(failed))
        assert end["reason"].endswith("ValueError")
        running = client.put(jobs.pass_gate, gate.path)
        start_of_it = told.until("started", id_of(running))
        assert start_of_it["call"] == "tests.jobs.basic.pass_gate"
        assert start_of_it["worker"] == str(served.worker().UUID)
        assert cli("cancel", id_of(running)).code == 0
        told.until("cancelled", id_of(running))
        held = client.put(jobs.nothing, delay=3600)
        assert cli("cancel", id_of(held)).code == 0
        told.until("cancelled", id_of(held))
    assert told.of(id_of(done)) == ["started", "completed"]
    assert told.of(id_of(failed)) == ["started", "failed"]
    assert told.of(id_of(running)) == ["started", "cancelled"]
    assert told.of(id_of(held)) == ["cancelled"]


def test_jobs_are_told_once_each_however_many_end_at_once(served: Instance, client: Client) -> None:
    client.wait_for(client.put(jobs.nothing))
    client.wait_until(lambda: len(served.worker().completed), "a job to have ended")
    with tail() as told:
        partials = client.put_many(jobs.nothing, 120)
        ids = {id_of(one) for one in partials}
        while not ids <= {one["job"] for one in told.events if one["event"] == "completed"}:
            told.next()
    for job in ids:
        assert told.of(job) == ["started", "completed"]
    times = [datetime.fromisoformat(one["time"]) for one in told.events]
    assert len(times) == len([one for one in times if one.tzinfo is not None])


def test_a_crash_is_a_retry_and_a_killed_supervisor_a_lost_worker(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    client = instance.client
    client.wait_for(client.put(jobs.nothing))
    client.wait_until(lambda: len(instance.worker().completed), "a job to have ended")
    with tail("--home", instance.home) as told:
        crashing = client.put(jobs.exit_in_first_process, gate.path, 3)
        again = told.until("retried", id_of(crashing))
        assert "exited with 3" in again["reason"]
        told.until("completed", id_of(crashing))
        running = client.put(jobs.pass_gate, gate.path)
        told.until("started", id_of(running))
        worker = str(instance.worker().UUID)
        kill_with_server(instance)
        lost = told.until("worker-lost")
        assert lost["worker"] == worker
        assert "is gone" in lost["reason"]
        instance.start()
        while told.of(id_of(running)) != ["started", "retried", "started"]:
            told.next()
        gate.open()
        told.until("completed", id_of(running))
        instance.stop()
        told.until("worker-stopped")
    assert told.of(id_of(crashing))[-3:] == ["retried", "started", "completed"]
    engines = [one["event"] for one in told.events if one["job"] is None]
    assert engines == ["worker-lost", "worker-started", "worker-stopped"]


def test_it_ends_in_time_and_begins_with_what_ended_last(
    served: Instance, client: Client, cli: Cli
) -> None:
    partials = [client.put(jobs.nothing) for _ in range(3)]
    client.wait_for(*partials)
    ended = [id_of(one) for one in partials]
    wait_until(
        lambda: {one["id"] for one in cli("jobs", "--state", "completed", "--limit", 3, "--json")
                 .json["jobs"]} == set(ended),
        "them to have retired",
    )  # fmt: skip
    shown = cli("tail", "--last", 3, "--seconds", 0.2)
    assert (shown.code, shown.err) == (0, "")
    lines = [line.split() for line in shown.out.splitlines()]
    assert [line[1] for line in lines] == ["completed"] * 3
    assert {line[2] for line in lines} == set(ended)
    assert [line[0] for line in lines] == sorted(line[0] for line in lines), "the newest is last"


def test_a_look_at_what_has_not_changed_loads_nothing(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=0).start()
    client = instance.client
    client.put_many(jobs.nothing, 300)
    client.sync()
    looker = Client(client.db)
    seen = Jobs()
    try:
        assert seen.look(looker.connection, looker.manager, None) == []
        looker.connection.getTransferCounts(True)
        looker.transactions.begin()
        assert seen.look(looker.connection, looker.manager, []) == []
        assert looker.connection.getTransferCounts()[0] == 0
    finally:
        looker.transactions.abort()
        looker.main.close()
