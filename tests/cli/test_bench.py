"""``bench``: a load on a real supervisor, and nothing left of it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Result, finish, frozen, start
from tests.support.instance import Client, Instance
from tests.support.json_schema import problems
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


def jobs_of_the_load(cli: Cli) -> list[dict[str, Any]]:
    listed = cli("jobs", "--call", "zcasync.load.calls.*", "--limit", 100_000, "--json")
    found: list[dict[str, Any]] = listed.json["jobs"]
    return found


def document(done: Result, code: int | None = None) -> dict[str, Any]:
    """The document of a load; on a busy machine the rate may not be kept."""
    assert done.code in ((0, 1) if code is None else (code,)), done
    found: dict[str, Any] = json.loads(done.out)
    assert problems(found, "bench") == []
    assert found.get("error", {"code": 0})["code"] == done.code
    assert found["kept"] or found["limits"]
    return found


def test_every_put_is_measured_and_every_job_is_removed(
    served: Instance, client: Client, cli: Cli
) -> None:
    before = len(client.worker(served.home).completed)
    mix = "noop=6,short=2,cpu=1,data=1"
    words = ("--rate", 20, "--minutes", 0.05, "--clients", 5, "--processes", 2, "--mix", mix)
    found = document(cli("bench", *words, "--json"))
    assert (found["puts"], found["completed"], found["clients"], found["processes"]) == (
        60,
        60,
        5,
        2,
    )
    assert (found["failed"], found["unended"], found["lost"], found["left"]) == (0, 0, 0, 0)
    assert found["mix"] == {"noop": 0.6, "short": 0.2, "cpu": 0.1, "data": 0.1}
    times = found["latencies"]
    for name in ("put", "start", "result"):
        assert 0 < times[name]["p50"] <= times[name]["p95"] <= times[name]["p99"]
    assert times["late"]["p50"] <= times["put"]["p50"]
    assert times["result"]["max"] >= 0.05, "one of them needs the processor for so long"
    assert found["rate"]["put"] <= 20.1
    assert found["children"]["number"] == 2
    assert found["processors"]["clients"] > 0
    assert {"supervisor", "children", "server", "all"} <= set(found["processors"])
    client.sync()
    assert jobs_of_the_load(cli) == []
    assert len(client.worker(served.home).completed) == before
    assert len(client.worker(served.home).thread) == 0


def test_a_storage_that_stands_still_is_seen_by_all_puts_of_that_time(
    served: Instance, cli: Cli
) -> None:
    """What is put late counts from its moment: else one put alone would have waited."""
    with start("bench", "--rate", 40, "--minutes", 0.1, "--clients", 2, "--json") as process:
        wait_until(lambda: jobs_of_the_load(cli), "the first put", 60)
        with frozen(served.status()["server_pid"]):
            time.sleep(2)  # for so long; nothing is waited for
        found = document(finish(process))
    assert found["puts"] == 240
    # Of 6 s with 40 puts each nearly two were lost, so a fifth of all has waited for long.
    assert found["latencies"]["put"]["p95"] > 0.5
    assert found["latencies"]["late"]["p95"] > 0.5
    assert not found["kept"]


def test_ctrl_c_ends_it_with_what_was_measured_so_far(served: Instance, cli: Cli) -> None:
    with start("bench", "--rate", 20, "--minutes", 5, "--json") as process:
        wait_until(lambda: len(jobs_of_the_load(cli)) >= 5, "some puts", 60)
        os.kill(process.pid, signal.SIGINT)
        found = document(finish(process), 130)
    assert found["interrupted"]
    assert 5 <= found["puts"] < 6000
    assert found["completed"] > 0
    assert jobs_of_the_load(cli) == []


def test_a_command_that_is_killed_leaves_no_clients(served: Instance, cli: Cli) -> None:
    with start("bench", "--rate", 20, "--minutes", 5, "--processes", 2) as process:
        wait_until(lambda: jobs_of_the_load(cli), "the first put", 60)
        process.kill()
    counts: list[int] = []

    def are_the_same() -> bool:
        counts.append(len(jobs_of_the_load(cli)))
        return len(counts) > 5 and len(set(counts[-5:])) == 1

    wait_until(are_the_same, "the puts to end", 60)
    assert cli("discard", "--call", "zcasync.load.calls.*").code == 0
    assert jobs_of_the_load(cli) == []


def test_people_read_a_table_and_what_has_limited_it(served: Instance, cli: Cli) -> None:
    done = cli("bench", "--rate", 1000, "--minutes", 0.02, "--clients", 1, "--wait", 0)
    assert "RESULT" not in done.out
    assert re.search(r"^start: from the commit to the begin of the call +[\d.,]+ ", done.out, re.M)
    assert "1 clients in 1 processes" in done.out
    assert "Limited by" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert jobs_of_the_load(cli) == []


def test_a_rate_that_no_child_takes_is_not_kept_and_what_waits_is_removed(
    make_instance: Callable[..., Instance], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = make_instance(children=0).start()
    monkeypatch.setenv("INSTANCE_HOME", str(instance.home))
    done = cli("bench", "--rate", 20, "--minutes", 0.03, "--wait", 0.2, "--json")
    found = document(done, 1)
    assert (found["completed"], found["unended"], found["puts"]) == (0, 36, 36)
    assert found["limits"][0]["what"] == "workers"
    assert jobs_of_the_load(cli) == []
    instance.client.sync()
    assert len(instance.client.manager.thread) == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--mix", "mail"), 2, "'mail' is no kind of call: there are noop, short, cpu, data"),
        (("--rate", 0), 2, "rate"),
        (("--clients", 0), 2, "clients"),
        (("--queue", "mail"), 2, "there is no queue 'mail'"),
        (("--home", "/nowhere"), 2, "/nowhere"),
    ],
)
def test_wrong_use_is_one_line(
    served: Instance, cli: Cli, words: tuple[object, ...], code: int, told: str
) -> None:
    done = cli("bench", *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.error


def test_a_queue_that_is_paused_is_refused(served: Instance, cli: Cli) -> None:
    assert cli("queue", "thread", "--pause").code == 0
    try:
        done = cli("bench", "--minutes", 0.01, "--json")
    finally:
        cli("queue", "thread", "--resume")
    assert done.code == 1
    assert json.loads(done.out)["error"]["remedy"] == "zcasync queue thread --resume"
    assert jobs_of_the_load(cli) == []


def test_a_database_that_allows_other_calls_only_says_which_line_is_missing(
    make_instance: Callable[..., Instance], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = make_instance(children=1).start()
    monkeypatch.setenv("INSTANCE_HOME", str(instance.home))
    config = instance.home / "etc" / "zcasync.conf"
    config.write_text("<zcasync>\n  allow myapp.jobs\n</zcasync>\n")
    done = cli("bench", "--minutes", 0.01)
    assert done.code != 0
    assert "allow zcasync.load.calls" in done.error
