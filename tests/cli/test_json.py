"""What commands print with ``--json``: the forms of the schema, and one form for all failures."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Result, extra_worker, finish, frozen, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from tests.support.json_schema import problems
from zcasync.cli.main import COMMANDS
from zcasync.cli.main import cli as group
from zcasync.job.ids import id_of

Cli = Callable[..., Result]
#: The commands whose documents are looked at below.
HELD = {
    "put", "job", "jobs", "status", "queue", "ghosts", "release", "forget", "cancel", "retry",
    "discard", "pack", "check", "reload", "stop", "conflicts", "schedules", "schedule",
    "quotas", "quota",  # in test_quotas.py
    "tail",  # in test_tail.py
    "certificates",  # in test_certificates.py
    "bench",  # in test_bench.py
}  # fmt: skip


def document(done: Result, form: str, code: int = 0) -> dict[str, object]:
    """The one document on standard output; it has the form, and the exit code says what it says."""
    assert done.code == code, done
    found: dict[str, object] = json.loads(done.out)
    assert problems(found, form) == []
    assert failure_code(found) == code
    return found


def failure_code(found: dict[str, object]) -> int:
    error = found.get("error", {"code": 0})
    assert isinstance(error, dict)
    return int(error["code"])


def test_every_command_that_prints_documents_is_held_to_the_schema() -> None:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in COMMANDS}
    printing = {
        name
        for name, one in found.items()
        if one is not None and any("--json" in option.opts for option in one.params)
    }
    assert printing == HELD


def test_documents_have_the_forms_of_the_schema(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    failed = client.put(jobs.raise_text, "no such order")
    client.wait_for(failed)
    running = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    document(cli("status", "--json"), "status")
    document(cli("status", "--check", "--max-due", 1e7, "--json"), "status")
    document(cli("job", "--json", id_of(failed)), "job")
    document(cli("job", "--json", id_of(running)), "job")
    document(cli("jobs", "--json"), "jobs")
    document(cli("ghosts", "--json"), "ghosts")
    document(cli("queue", "--json"), "queues")
    document(cli("queue", "thread", "--json"), "queues")
    document(cli("conflicts", "--json"), "conflicts")
    document(cli("check", "--json"), "check")
    document(cli("put", "--json", "time.time"), "put")
    document(cli("put", "--json", "--wait", 30, "time.time"), "job")
    gate.open()
    client.wait_for(running)


def test_documents_about_ends_have_the_forms_of_the_schema(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    cli_here = lambda *words: cli(*words, "--home", instance.home, "--json")  # noqa: E731
    held = instance.client.put(jobs.nothing, delay=3600)
    document(cli_here("cancel", id_of(held)), "cancel")
    document(cli_here("cancel", "--waiting"), "cancel")
    document(cli_here("retry", id_of(held)), "retry")
    instance.client.wait_for(held)
    later = instance.client.put(jobs.nothing, delay=3600)
    document(cli_here("retry", id_of(later)), "retry", 1)  # it waits
    document(cli_here("discard", id_of(later)), "discard")
    document(cli_here("discard", id_of(later)), "discard", 1)  # it is gone
    document(cli_here("pack"), "pack")
    document(cli_here("reload"), "reload_document")
    document(cli_here("status"), "status")
    document(cli_here("status", "--check"), "status")
    add = ("--add", "operator.add", "--every", "2h", "--arg", 1, "--arg", 2)
    document(cli_here("schedule", "sum", *add), "schedule_change")
    document(cli_here("schedule", "sum", "--run-now"), "schedule_change")
    document(cli_here("schedule", "sum"), "schedule")
    document(cli_here("schedules"), "schedules")
    document(cli_here("schedule", "sun"), "failure_document", 1)
    document(cli_here("schedule", "sum", "--remove"), "schedule_change")
    document(cli_here("check", "--deep"), "check")
    instance.close_client()
    document(cli_here("stop"), "stop")
    instance.wait()
    document(cli_here("status"), "status")
    document(cli_here("status", "--check"), "status", 1)


def test_a_ghost_and_its_release_have_the_forms_of_the_schema(
    ghost: tuple[Instance, str], cli: Cli
) -> None:
    instance, job_id = ghost
    found = document(cli("ghosts", "--home", instance.home, "--json"), "ghosts", 1)
    assert isinstance(found["ghosts"], list)
    assert [one["jobs"] for one in found["ghosts"]] == [[job_id]], "an answer keeps its document"
    instance.start()
    worker = str(instance.worker().UUID)
    done = cli("release", worker, "--home", instance.home, "--json")
    document(done, "failure_document", 1)  # it lives again


def test_a_release_has_the_form_of_the_schema(served: Instance, client: Client, cli: Cli) -> None:
    with frozen(served.pid), extra_worker(client, engineUUID=uuid.uuid4()) as worker:
        # The supervisor would bury that engine itself.
        found = document(cli("release", worker.UUID, "--json", "--timeout", 4), "release")
    assert found["worker"] == str(worker.UUID)


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["status", "--frobnicate"], 2, "UsageError"),
        (["frobnicate"], 2, "UsageError"),
        (["job"], 2, "UsageError"),
        (["jobs", "--limit", "none"], 2, "UsageError"),
        (["job", "0xffffffff"], 1, "Refusal"),
        (["job", "no id"], 2, "UsageError"),
        (["cancel", "0xffffffff"], 1, "Refusal"),
        (["queue", "mail"], 2, "UnknownQueue"),
        (["queue", "--pause"], 2, "UsageError"),
        (["queue", "thread", "--pause", "--resume"], 2, "UsageError"),
        (["schedule", "nightly", "--run-now", "--remove"], 2, "UsageError"),
        (["queue", "Mail", "--add"], 2, "UsageError"),
        (["put", "time.time", "--queue", "mail"], 2, "UnknownQueue"),
        (["jobs", "--queue", "mail"], 2, "UnknownQueue"),
        (["release", "11111111-1111-1111-1111-111111111111"], 1, "Refusal"),
        (["put", "tests.jobs.nowhere.at_all"], 2, "MissingCallable"),
        (["put", "time.time", "--arg", "no json"], 2, "UsageError"),
        (["check", "--repair"], 2, "UsageError"),
    ],
)
def test_a_failure_is_a_document_of_one_form(
    served: Instance, cli: Cli, words: list[str], code: int, kind: str
) -> None:
    done = cli(*words, "--json")
    error = document(done, "failure_document", code)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == kind
    assert done.error == f"zcasync: {error['message']}\n", "the line is still there"
    assert cli(*words).out == "", "without --json there is no document"


def test_a_command_without_documents_says_so_in_one(cli: Cli) -> None:
    done = cli("run", "--json")
    error = document(done, "failure_document", 2)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == "UsageError"


@pytest.mark.parametrize("words", [["jobs"], ["stop"], ["put", "time.time"], ["pack"]])
def test_a_home_that_is_not_there_is_a_document(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    done = cli(*words, "--json", "--home", tmp_path / "none")
    error = document(done, "failure_document", 2)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == "ConfigurationError"
    assert str(tmp_path / "none") in error["remedy"]


def test_an_option_is_told_from_the_value_of_another_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("put", "time.time", "--arg", "--json", "--home", tmp_path)
    assert (done.code, done.out) == (2, "")
    done = cli("job", "--", "--json")
    assert (done.code, done.out) == (2, "")


def test_a_failed_job_that_was_waited_for_is_the_document_and_the_failure(
    served: Instance, cli: Cli, gate: Gate
) -> None:
    done = cli("put", "tests.jobs.basic.raise_two_arguments", "--wait", 30, "--json")
    found = document(done, "job", 1)
    assert found["state"] == "completed"
    assert found["failure"] is not None
    held = cli("put", "tests.jobs.basic.pass_gate", "--arg", json.dumps(gate.path), "--wait", 0,
               "--json")  # fmt: skip
    found = document(held, "job", 1)
    assert found["state"] != "completed"
    assert str(found["id"]) in held.error
    gate.open()


def test_a_database_that_does_not_answer_is_part_of_the_document(served: Instance) -> None:
    with frozen(served.status()["server_pid"]):
        status = finish(start("status", "--json", "--timeout", "1"))
        listed = finish(start("jobs", "--json", "--timeout", "1"))
    assert document(status, "status", 3)["queues"] is None
    error = document(listed, "failure_document", 3)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == "StorageAway"
    assert "--timeout" in error["remedy"]


def test_an_unforeseen_error_is_a_document(
    served: Instance, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("zcasync.reports.workers.queues", break_down)
    done = cli("status", "--json")
    error = document(done, "failure_document", 2)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == "ZeroDivisionError"
    assert str(served.home) in error["remedy"]
