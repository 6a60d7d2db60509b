"""``zcasync schedules`` and ``zcasync schedule``: added, shown, paused, run and removed by hand."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import Result
from tests.support.instance import Client, Instance
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


@pytest.fixture
def name(served: Instance, client: Client, cli: Cli) -> Iterator[str]:
    """A name for a schedule, which is removed in the end."""
    made = f"nightly-{uuid.uuid4().hex[:6]}"
    yield made
    client.sync()
    if made in client.manager.schedules:
        assert cli("schedule", made, "--remove").code == 0  # a tick may be first: it tries again


ADD = ("--add", "operator.add", "--arg", "1", "--kwarg", "x=2")


def test_a_schedule_is_added_shown_and_removed(cli: Cli, name: str) -> None:
    when = ("--cron", "0 3 * * *", "--zone", "Europe/Berlin", "--jitter", "5m")
    done = cli("schedule", name, *ADD, *when, "--catch-up", "all", "--limit", 7)
    assert (done.code, done.out) == (0, f"schedule {name} is added\n"), done.err
    found = cli("schedule", name, "--json").json
    assert (found["callable"], found["cron"], found["zone"]) == (
        "_operator.add", "0 3 * * *", "Europe/Berlin",
    )  # fmt: skip
    assert (found["jitter_seconds"], found["limit"], found["state"]) == (300, 7, "active")
    moments = [datetime.fromisoformat(one) for one in found["next"]]
    assert len(moments) == 5
    assert all(one.astimezone(UTC).hour in (1, 2) for one in moments)
    shown = cli("schedule", name).out
    assert shown.count("Next ") == 5
    assert "Catch up  all, 7 at most" in " ".join(shown.split("\n")).replace("    ", "  ")
    [one] = [one for one in cli("schedules", "--json").json["schedules"] if one["name"] == name]
    assert one["next"] == found["next"][:1]
    assert name in cli("schedules").out
    assert cli("schedule", name, "--remove").out == f"schedule {name} is removed\n"
    assert name not in cli("schedules").out


def test_a_schedule_runs_and_shows_what_became_of_it(cli: Cli, client: Client, name: str) -> None:
    assert cli("schedule", name, "--add", "operator.add", "--arg", 1, "--every", "1").code == 0
    wait_until(
        lambda: any(run["ending"] for run in cli("schedule", name, "--json").json["runs"]),
        "a run to have failed",
        60.0,
    )
    [run] = cli("schedules", "--json").json["schedules"][0]["runs"]
    job = cli("job", run["id"], "--json").json
    assert job["scheduled"] == {"name": name, "tick": run["tick"]}
    assert f"Schedule      {name}, " in cli("job", run["id"]).out


def test_a_schedule_is_paused_resumed_and_run(cli: Cli, client: Client, name: str) -> None:
    cli("schedule", name, "--add", "time.time", "--cron", "0 3 29 2 *")
    assert cli("schedule", name, "--pause").out == f"schedule {name} is paused\n"
    assert cli("schedule", name, "--json").json["state"] == "paused"
    assert cli("schedule", name, "--resume").out == f"schedule {name} ticks again\n"
    assert cli("schedule", name, "--json").json["state"] == "active"
    done = cli("schedule", name, "--run-now")
    words, _, job = done.out.strip().rpartition(" ")
    assert words == f"schedule {name} is run now: job"
    wait_until(lambda: cli("job", job, "--json").json["state"] == "completed", "the job to end")
    [run] = cli("schedule", name, "--json").json["runs"]
    assert (run["id"], run["state"]) == (job, "completed")
    assert job in cli("schedule", name).out
    acts = cli("schedule", name, "--json").json["acts"]
    assert [one["what"] for one in acts] == ["added", "paused", "resumed", "run by hand"]
    assert {one["who"].split("@")[0] for one in acts} == {getpass.getuser()}
    assert f"run by hand by {getpass.getuser()}" in cli("schedule", name).out
    cli("schedule", name, "--resume")
    assert cli("schedule", name, "--json").json["acts"] == acts, "nothing was done"


def test_no_schedules_are_no_error(make_instance: Callable[..., Instance], cli: Cli) -> None:
    instance = make_instance().start()
    assert cli("schedules", "--home", instance.home).out == "no schedules\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nothere"], 1, "there is no schedule 'nothere'"),
        (["nothere", "--pause"], 1, "there is no schedule 'nothere'"),
        (["x", *ADD], 1, "schedule 'x' is not added: cron and every both say when, and neither"),
        (["x", *ADD, "--cron", "0 3 * *"], 1, "is no cron expression"),
        (["x", *ADD, "--cron", "0 3 * * *", "--zone", "Europe/Berin"], 1,
         "did you mean Europe/Berlin?"),
        (["x", *ADD, "--every", "0.5"], 1, "every must be a second or more"),
        (["x", *ADD, "--every", "-5"], 2, "'-5' is no time such as 30s, 5m, 2h, 3d"),
        (["x", *ADD, "--every", "5y"], 2, "is no time such as"),
        (["x", "--cron", "0 3 * * *"], 2, "--cron is for --add DOTTED.NAME: give that, too"),
        (["x", "--arg", "1"], 2, "--arg is for --add DOTTED.NAME"),
        (["x", *ADD, "--every", "5", "--pause"], 2, "--add and --pause exclude each other"),
        (["x", "--add", "no.where", "--every", "5"], 2, "no.where"),
        (["x", *ADD, "--every", "5", "--catch-up", "all", "--overlap", "skip"], 1,
         "exclude each other"),
        (["x", "--add", "tests.jobs.indexing.mistaken", "--every", "5"], 1,
         "put has no option 'retyr': did you mean retry?"),
        (["x\x1b", *ADD, "--every", "5"], 1, "cannot be the name of a schedule"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    served: Instance, cli: Cli, words: list[str], code: int, message: str
) -> None:
    done = cli("schedule", *words)
    assert done.code == code, done
    assert message in done.error
    assert done.out == ""


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(cli: Cli, name: str) -> None:
    cli("schedule", name, "--add", "time.time", "--every", "1h")
    done = cli("schedule", name[:-1], "--run-now")
    assert f"did you mean {name!r}?" in done.error
    error = cli("schedule", name[:-1], "--run-now", "--json").json["error"]
    assert error["remedy"] == "list those that there are: zcasync schedules"


def test_a_damaged_schedule_is_shown_with_its_problem_and_removed(
    cli: Cli, client: Client, name: str
) -> None:
    cli("schedule", name, "--add", "time.time", "--cron", "0 3 29 2 *")
    client.sync()
    client.manager.schedules[name]._runs = 7
    client.commit()
    found = cli("schedule", name, "--json").json
    assert found["state"] == "damaged"
    assert "its _runs cannot be of type int" in found["problem"]
    assert "damaged" in cli("schedules").out
    assert cli("schedule", name, "--remove").code == 0
