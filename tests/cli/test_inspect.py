"""zcasync job and zcasync jobs: partials in every state, broken ones among them."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Result, finish, start
from tests.jobs import basic as jobs
from tests.jobs import retry as retry_jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.reports.remarks import of_attempts

Cli = Callable[..., Result]

#: What every job has in JSON.
KEYS = {
    *("id", "state", "queue", "callable", "args", "kwargs", "result", "result_repr", "failure"),
    *("attempts", "worker", "engine", "begin_after", "begin_by_seconds", "started", "ended"),
}


def later() -> datetime:
    """A time at which the tests are over."""
    return datetime.now(UTC) + timedelta(hours=5)


@pytest.fixture(scope="module")
def done(shared_instance: Instance) -> Partial:
    """A job that has completed."""
    shared_instance.client.sync()
    partial = shared_instance.client.put(jobs.echo, "text", 5)
    shared_instance.client.wait_for(partial)
    return partial


def test_a_completed_job_is_shown_whole(served: Instance, done: Partial, cli: Cli) -> None:
    shown = cli("job", id_of(done), "--json").json
    assert set(shown) >= KEYS
    assert shown["id"] == id_of(done)
    assert (shown["state"], shown["queue"]) == ("completed", "thread")
    assert shown["process"] is None
    assert shown["callable"] == "tests.jobs.basic.echo"
    assert shown["args"] == ["'text'", "5"]
    assert shown["result"] == [["text", 5], {}]
    assert shown["result_repr"] == repr((("text", 5), {}))
    assert shown["failure"] is None
    assert shown["attempts"] == 1
    assert shown["worker"] == str(served.worker().UUID)
    assert shown["engine"] == str(served.worker().engineUUID)
    times = [datetime.fromisoformat(shown[name]) for name in ("begin_after", "started", "ended")]
    assert times == sorted(times)


def test_a_completed_job_in_words(served: Instance, done: Partial, cli: Cli) -> None:
    shown = cli("job", id_of(done))
    assert shown.code == 0
    lines = dict(line.split(None, 1) for line in shown.out.splitlines())
    assert lines["State"] == "completed"
    assert lines["Call"] == "basic.echo('text', 5)"
    assert lines["Function"] == "tests.jobs.basic.echo"
    assert lines["Result"] == "(('text', 5), {})"
    assert lines["Worker"] == str(served.worker().UUID)


def test_a_failed_job_shows_its_traceback(served: Instance, client: Client, cli: Cli) -> None:
    partial = client.put(jobs.raise_long, 3)
    client.wait_for(partial)
    shown = cli("job", id_of(partial), "--json").json
    assert shown["failure"]["type"] == "builtins.ValueError"
    assert shown["failure"]["message"] == "beginning xxx end"
    assert "in raise_long" in shown["failure"]["traceback"]
    assert shown["result"] is None
    words = cli("job", id_of(partial)).out
    assert "ValueError: beginning xxx end" in words
    assert "in raise_long" in words


def test_a_job_that_was_interrupted_shows_its_attempts(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    partial = client.put(jobs.exit_in_first_process, gate.path, 5)
    assert client.wait_for(partial) == "second time"
    shown = cli("job", id_of(partial), "--json").json
    assert (shown["attempts"], shown["interruptions"]) == (2, 1)
    assert shown["counts"] == {"conflicts": 0, "interruptions": 1, "exceptions": 0}
    assert shown["retry"] == "default"
    assert "Interrupted" in cli("job", id_of(partial)).out


@pytest.fixture
def put_off(served: Instance, client: Client) -> Iterator[Partial]:
    """A job whose first attempt has failed, and whose next one is an hour away."""
    partial = client.put(jobs.raise_text, "no card", retry="tests.jobs.retry:HOURLY")
    client.wait_until(lambda: partial.state == "pending" and partial.failed_before, "its wait")
    yield partial
    partial.fail()


def test_a_job_that_waits_for_its_next_attempt_shows_what_failed(
    served: Instance, put_off: Partial, cli: Cli
) -> None:
    shown = cli("job", id_of(put_off), "--json").json
    assert shown["failure"] is None
    (attempt,) = shown["attempts_history"]
    assert (attempt["type"], attempt["message"]) == ("builtins.ValueError", "no card")
    assert attempt["worker"] == str(served.worker().UUID)
    assert shown["started"] is None
    assert datetime.fromisoformat(attempt["time"]) < datetime.now(UTC)
    assert shown["last_failure"]["type"] == "builtins.ValueError"
    assert "in raise_text" in shown["last_failure"]["traceback"]

    words = cli("job", id_of(put_off)).out
    when = r"[-0-9]{10} [:0-9]{8} UTC by worker [-0-9a-f]{36}"
    assert re.search(rf"Failed attempts\n  {when}\n    ValueError: no card\n", words)
    assert "in raise_text" in words


def test_a_listing_says_when_a_job_is_attempted_again_and_why(put_off: Partial, cli: Cli) -> None:
    shown = " ".join(cli("jobs", "--state", "pending").out.split())
    when = r"([0-9]{4}-[0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}:[0-9]{2}"
    assert re.search(rf"retries at {when} after ValueError", shown)
    assert "ValueError: no card" not in shown, (
        "of many jobs that wait for the same service nobody reads it"
    )
    assert "no card" in cli("job", id_of(put_off)).out


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "attempt 2, after ConnectionError"),
        ({"type": "zcasync.errors.AbortedError"}, "attempt 2, after an interruption"),
        ({"type": "shop.errors.NoCard"}, "attempt 2, after shop.errors.NoCard"),
    ],
)
def test_a_remark_on_earlier_attempts_is_short(changes: dict[str, str], expected: str) -> None:
    last = {"type": "builtins.ConnectionError", "message": "a long story " * 20, **changes}
    job = {"attempts_history": [last], "state": "active", "attempts": 2, "started": "now"}
    assert of_attempts(job) == expected


def test_a_job_shows_its_retry_policy_and_what_went_wrong(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    client.sync()
    queue = client.manager.thread
    partial = queue.put(
        Partial(retry_jobs.fail_first, gate.path, 2), retry="tests.jobs.retry:QUICK"
    )
    callback = partial.addCallback(jobs.double, retry="never")
    client.commit()
    assert client.wait_for(partial) == 3
    shown = cli("job", id_of(partial), "--json").json
    assert shown["counts"] == {"conflicts": 0, "interruptions": 0, "exceptions": 2}
    assert (shown["attempts"], shown["retry"]) == (3, "tests.jobs.retry:QUICK")
    assert cli("job", id_of(callback), "--json").json["retry"] == "never"
    words = cli("job", id_of(partial)).out
    assert re.search(r"Exceptions +2\n", words)
    assert re.search(r"Retry policy +tests.jobs.retry:QUICK\n", words)


def test_a_running_job_is_active_and_held_by_the_worker(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    partial = client.put(jobs.pass_gate, gate.path)
    pid = gate.wait_for()
    shown = cli("job", id_of(partial), "--json").json
    assert (shown["state"], shown["process"]) == ("active", pid)
    assert f"process {pid}" in cli("job", id_of(partial)).out
    assert "at work" in cli("jobs", "--state", "active").out
    assert shown["worker"] == str(served.worker().UUID)
    assert shown["result"] is None
    assert shown["ended"] is None
    listed = cli("jobs", "--state", "active", "--json").json["jobs"]
    assert id_of(partial) in [one["id"] for one in listed]
    gate.open()
    client.wait_for(partial)


def test_a_waiting_job_shows_when_it_may_begin(served: Instance, client: Client, cli: Cli) -> None:
    when = later()
    partial = client.put(jobs.echo, begin_after=when, begin_by=timedelta(minutes=2))
    shown = cli("job", id_of(partial), "--json").json
    assert shown["state"] == "pending"
    assert datetime.fromisoformat(shown["begin_after"]) == when
    assert shown["begin_by_seconds"] == 120.0
    assert shown["worker"] is None
    words = cli("job", id_of(partial)).out
    assert "(in 5 h)" in words
    assert "120 s later" in words


def test_callbacks_are_shown_as_a_tree(served: Instance, client: Client, cli: Cli) -> None:
    client.sync()
    partial = client.manager.thread.put(Partial(jobs.echo, 1))
    inner = partial.addCallback(jobs.double)
    leaf = inner.addCallbacks(failure=jobs.nothing)
    client.commit()
    client.wait_for(partial, inner, leaf)
    tree = cli("job", id_of(partial), "--json").json["callbacks"]
    assert [(one["id"], one["callable"], one["state"]) for one in tree] == [
        (id_of(inner), "tests.jobs.basic.double", "completed")
    ]
    assert [one["id"] for one in tree[0]["callbacks"]] == [id_of(leaf)]
    lines = cli("job", id_of(partial)).out.splitlines()
    below = lines[lines.index("Callbacks") + 1 :]
    assert below[0].startswith(f"  {id_of(inner)}")
    assert below[1].startswith(f"    {id_of(leaf)}")


def test_long_texts_are_cut_where_people_read(served: Instance, client: Client, cli: Cli) -> None:
    partial = client.put(jobs.return_bytes, 1_000_000)
    client.wait_for(partial)
    words = cli("job", id_of(partial)).out
    assert len(words) < 5000
    assert "1,000,003 characters" in words
    shown = cli("job", id_of(partial), "--json").json
    assert shown["result"] is None  # bytes have no JSON form
    assert 1000 < len(shown["result_repr"]) < 20_000


def test_control_characters_do_not_reach_the_terminal(
    served: Instance, client: Client, cli: Cli
) -> None:
    partial = client.put(jobs.echo, "\x1b[31mred", begin_after=later())
    assert "\x1b" not in cli("job", id_of(partial)).out


@pytest.mark.parametrize("text", ["zz", "0x", "-0x1", "0x1" + "0" * 16, ""])
def test_a_malformed_id_is_exit_code_2(served: Instance, cli: Cli, text: str) -> None:
    shown = cli("job", "--", text)
    assert shown.code == 2
    assert "is not an id" in shown.error


@pytest.mark.parametrize("text", ["0x1", "0xfffffff", "elsewhere:0x1"])
def test_an_id_of_no_job_is_exit_code_1(served: Instance, cli: Cli, text: str) -> None:
    shown = cli("job", text)
    assert (shown.code, shown.out) == (1, "")
    assert f"no job {text}" in shown.error


class Loud:
    """An argument that tells of itself, which no command should let it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return "boom"


@pytest.fixture
def vanished_class(served: Instance) -> Iterator[str]:
    """The id of a waiting partial whose class no other process can import."""
    module = types.ModuleType("module_that_vanished")
    module.Special = type("Special", (Partial,), {"__module__": module.__name__})  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    client = served.new_client()  # whose page in the queue nobody else writes
    try:
        partial = client.manager.thread.put(Partial(jobs.echo, 7), begin_after=later())
        partial.__class__ = module.Special  # as an earlier release would have taken it
        client.commit()
        yield id_of(partial)
    finally:
        client.close()
        del sys.modules[module.__name__]


def test_a_job_whose_class_has_vanished_is_shown_as_far_as_possible(
    served: Instance, vanished_class: str
) -> None:
    shown = finish(start("job", "--json", vanished_class))
    assert shown.code == 0, shown.err
    document = shown.json
    assert set(document) >= KEYS
    assert (document["state"], document["callable"]) == ("pending", "tests.jobs.basic.echo")
    assert document["args"] == ["7"]
    assert "module_that_vanished.Special" in document["problem"]
    listed = finish(start("jobs", "--state", "pending", "--limit", "1000"))
    assert listed.code == 0, listed.err
    row = next(line for line in listed.out.splitlines() if vanished_class in line)
    assert "cannot be imported" in row or "its class" in row
    gone = finish(start("discard", vanished_class))
    assert gone.code == 0, gone.err


def test_the_arguments_of_the_application_are_shown_without_its_code(
    served: Instance, client: Client, cli: Cli
) -> None:
    partial = client.put(jobs.echo, Loud("one"), begin_after=later())
    shown = cli("job", id_of(partial), "--json")
    assert shown.code == 0, shown.err
    [argument] = shown.json["args"]
    assert "Loud" in argument
    assert "boom" not in shown.out + shown.err
    assert cli("discard", id_of(partial)).code == 0


def test_jobs_lists_newest_first_what_has_completed(
    served: Instance, client: Client, cli: Cli
) -> None:
    partials = [client.put(jobs.echo, number) for number in range(3)]
    client.wait_for(*partials)
    client.wait_until(lambda: len(served.worker().thread) == 0, "the jobs to be retired")
    shown = cli("jobs", "--state", "completed", "--limit", "3", "--json").json["jobs"]
    assert sorted(one["id"] for one in shown) == sorted(map(id_of, partials))
    ended = [one["ended"] for one in shown]
    assert ended == sorted(ended, reverse=True)
    assert all(set(one) >= KEYS for one in shown)


def test_jobs_can_be_chosen_by_queue(served: Instance, client: Client, cli: Cli) -> None:
    partial = client.put(jobs.echo, queue="reactor", begin_after=later())
    shown = cli("jobs", "--queue", "reactor", "--limit", "1000", "--json").json["jobs"]
    assert id_of(partial) in [one["id"] for one in shown]
    assert {one["queue"] for one in shown} == {"reactor"}
    others = cli("jobs", "--queue", "thread", "--limit", "1000", "--json").json["jobs"]
    assert "reactor" not in {one["queue"] for one in others}


def test_a_listing_is_as_long_as_its_limit_and_loads_no_more(
    served: Instance, client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.sync()
    partials = [client.manager.thread.put(jobs.echo, begin_after=later()) for _ in range(500)]
    client.commit()
    loaded = []
    set_state = Partial.__setstate__
    monkeypatch.setattr(
        Partial,
        "__setstate__",
        lambda self, state: (loaded.append(self), set_state(self, state)),
        raising=False,
    )
    shown = cli("jobs", "--state", "pending", "--limit", "5")
    assert len([line for line in shown.out.splitlines() if line.startswith("0x")]) == 5
    assert "--limit" in shown.out
    assert len(loaded) < len(partials) / 2
    assert max(len(line) for line in shown.out.splitlines()) <= 100


@pytest.mark.parametrize("arguments", [["--state", "gone"], ["--limit", "0"], ["--queue", "x"]])
def test_wrong_choices_are_exit_code_2(served: Instance, cli: Cli, arguments: list[str]) -> None:
    assert cli("jobs", *arguments).code == 2


@pytest.mark.leaves("anything")
def test_jobs_and_job_read_the_file_while_no_supervisor_runs(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    partial = instance.client.put(jobs.echo, 1)
    instance.client.wait_for(partial)
    job_id = id_of(partial)
    assert instance.stop() == 0
    home = ["--home", instance.home]
    assert cli("job", job_id, *home, "--json").json["state"] == "completed"
    listed = cli("jobs", *home, "--json")
    assert [one["id"] for one in listed.json["jobs"]] == [job_id]
    (instance.home / "var" / "Data.fs").write_text("this is no database")
    damaged = cli("jobs", *home)
    assert (damaged.code, damaged.out) == (2, "")
    assert "Data.fs" in damaged.error


def test_a_home_that_was_never_served_has_no_jobs(cli: Cli, tmp_path: Any) -> None:
    assert cli("jobs", "--home", tmp_path).out == "no jobs\n"
    assert json.loads(cli("jobs", "--home", tmp_path, "--json").out) == {"jobs": []}
    assert cli("job", "0x1", "--home", tmp_path).code == 1
