"""``zcasync status --check``: the line and the exit code that monitoring takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, finish, frozen, start
from tests.jobs import basic as jobs
from tests.support.instance import Instance
from zcasync.job.ids import id_of
from zcasync.testing.waiting import wait_until

#: Ends each child when it starts, for as long as the file is there.
BREAKS = """
import os, pathlib, sys
if "zcasync.child" in sys.orig_argv and pathlib.Path({marker!r}).exists():
    sys.stderr.write("this machine is broken\\n")
    os._exit(9)
"""
Cli = Callable[..., Result]

#: A plugin's figures: name=value, a unit, and the limits of warning and critical.
FIGURE = re.compile(r"[a-z_]+=\d+[sB]?(;\d*)*")
#: Other tests leave jobs in the shared home that nobody can run.
EVER = ("--max-due", 1e7)


def judged(done: Result, level: str, code: int) -> str:
    """What the one line says, without its figures; it is on standard output."""
    assert (done.code, done.err) == (code, ""), done
    assert done.out.count("\n") == 1
    said, _, figures = done.out.partition(" | ")
    assert all(map(FIGURE.fullmatch, figures.split())), figures
    begin = f"ZCASYNC {level} - "
    assert said.startswith(begin), said
    return said.removeprefix(begin).strip()


def troubles(done: Result) -> dict[str, str]:
    """The level of each trouble, by its name, in the document."""
    document: dict[str, Any] = json.loads(done.out)
    assert document.get("error", {"code": 0})["code"] == done.code
    return {one["name"]: one["level"] for one in document["check"]["troubles"]}


def test_all_is_well(served: Instance, cli: Cli) -> None:
    said = judged(cli("status", "--check", *EVER), "OK", 0)
    assert said.startswith("1 worker runs, ")
    assert troubles(cli("status", "--check", "--json", *EVER)) == {}


def test_the_figures_are_those_of_the_status(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=0).start()
    instance.client.put(jobs.nothing)
    instance.client.put(jobs.nothing, delay=3600)
    done = cli("status", "--check", "--home", instance.home, "--max-failed", 3)
    judged(done, "OK", 0)
    _, _, figures = done.out.rstrip().partition(" | ")
    found = dict(one.split("=") for one in figures.split())
    assert found.pop("oldest_due").endswith("s;;300")
    assert found.pop("size").endswith("B")
    assert found.pop("free").endswith("B")
    assert found == {
        "due": "1",
        "held": "1",
        "claimed": "0",
        "workers": "1",
        "ghosts": "0;;0",
        "failed": "0;3",
    }


def test_a_job_that_is_due_for_too_long(make_instance: Callable[..., Instance], cli: Cli) -> None:
    instance = make_instance(children=0).start()
    instance.client.put(jobs.nothing, delay=3600)
    here = ("--home", instance.home, "--max-due", 0)
    judged(cli("status", "--check", *here), "OK", 0)
    instance.client.put(jobs.nothing)
    said = judged(cli("status", "--check", *here), "CRITICAL", 2)
    assert re.fullmatch(r"a job is due for \d+ s \(limit 0 s\) \(zcasync jobs .*\)", said)
    assert troubles(cli("status", "--check", "--json", *here)) == {"late": "CRITICAL"}


def test_no_worker_runs_and_none_while_jobs_are_due(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=0).start()
    instance.stop()
    said = judged(cli("status", "--check", "--home", instance.home), "WARNING", 1)
    assert said == f"no worker runs (zcasync run --home {instance.home})"
    instance.start()
    instance.client.put(jobs.nothing)
    instance.stop()
    said = judged(cli("status", "--check", "--home", instance.home), "CRITICAL", 2)
    assert said == f"no worker runs while 1 job is due (zcasync run --home {instance.home})"


def test_a_ghost_is_named(ghost: tuple[Instance, str], cli: Cli) -> None:
    instance, _ = ghost
    said = judged(cli("status", "--check", "--home", instance.home), "CRITICAL", 2)
    assert re.search(r"^worker [-0-9a-f]{36} is a ghost: .* \(zcasync ghosts\)", said)
    done = cli("status", "--check", "--json", "--home", instance.home)
    assert troubles(done) == {"ghost": "CRITICAL", "no-worker": "WARNING"}


def test_failures_are_counted_where_a_limit_is_set(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    client, here = instance.client, ("--home", instance.home)
    failed = [client.put(jobs.raise_text, "no such order") for _ in range(2)]
    client.wait_for(*failed)
    held = client.put(jobs.nothing, delay=3600)
    assert cli("cancel", id_of(held), *here).code == 0
    client.wait_for(held, client.put(jobs.nothing))
    counted = lambda limit: cli("status", "--check", *here, "--max-failed", limit)  # noqa: E731
    client.wait_until(lambda: counted(1).code, "the failures to be among the completed jobs")
    judged(counted(2), "OK", 0)
    said = judged(counted(1), "WARNING", 1)
    assert said.startswith("2 jobs failed in the last hour (limit 1)")
    judged(cli("status", "--check", *here), "OK", 0)


def test_no_child_can_start(
    make_instance: Callable[..., Instance], cli: Cli, tmp_path: Path
) -> None:
    marker = tmp_path / "broken"
    marker.touch()
    (tmp_path / "sitecustomize.py").write_text(BREAKS.format(marker=str(marker)))
    instance = make_instance(children=1)
    instance.import_path.insert(0, tmp_path)
    instance.launch()

    def check() -> Result:
        return cli("status", "--check", "--home", instance.home)

    wait_until(lambda: "no child" in check().out, "the trouble", 60, instance.evidence)
    said = judged(check(), "CRITICAL", 2)
    assert "no child can start: " in said
    assert "this machine is broken" in said
    marker.unlink()
    instance.wait_until_ready()
    wait_until(lambda: check().code == 0, "the end of it", 60, instance.evidence)


def test_a_frozen_database_is_critical(served: Instance) -> None:
    with frozen(served.status()["server_pid"]):
        done = finish(start("status", "--check", "--timeout", "1"))
        other = finish(start("status", "--check", "--json", "--timeout", "1"))
    said = judged(done, "CRITICAL", 2)
    # The look as a whole gives up first, or its client.
    given_up = (
        f"the database of {served.home} did not answer within 1 s",
        f"no database server answers at {served.home}/var/zeo.sock",
    )
    assert said.startswith(given_up)
    assert troubles(other)["database"] == "CRITICAL"


@pytest.mark.parametrize("words", [["--frobnicate"], ["--max-due", "long"], ["--home", "{none}"]])
def test_what_cannot_be_judged_is_unknown(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    given = [one.format(none=tmp_path / "none") for one in words]
    judged(cli("status", "--check", *given), "UNKNOWN", 3)
    done = cli("status", "--check", "--json", *given)
    assert json.loads(done.out)["check"]["level"] == "UNKNOWN"
    assert troubles(done) == {}


def test_the_text_of_a_trouble_does_not_end_where_the_figures_begin() -> None:
    from zcasync.cli.monitor import line
    from zcasync.reports.health import Level

    assert line(Level.CRITICAL, "a | b\nc", ["due=1"]) == "ZCASYNC CRITICAL - a / b c | due=1"


@pytest.mark.parametrize(("failed", "said"), [(199, "199 jobs failed"), (200, "200 jobs or more")])
def test_more_failures_than_are_counted_are_told_so(failed: int, said: str) -> None:
    from zcasync.reports.health import Limits, troubles

    document = {
        "home": "/srv/shop",
        "queues": None,
        "workers": None,
        "supervisor": {"waiting_for": None, "boot": None},
        "failed_in_the_last_hour": failed,
    }
    texts = [one.text for one in troubles(document, Limits(300.0, 5)) if one.name == "failed"]
    assert len(texts) == 1
    assert texts[0].startswith(said)
