"""zcasync put: a call from the command line, and its result."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result, finish, kill_with_server, start
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.job.ids import parse
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


def waiting(client: Client) -> int:
    """How many jobs wait for a later time: what was put before this is claimed first."""
    client.wait_for(client.put(math.factorial, 1))
    return len(client.manager.thread)


def test_put_prints_the_id_of_a_job_that_runs(served: Instance, client: Client, cli: Cli) -> None:
    done = cli("put", "operator.add", "--arg", "1", "--arg", "2")
    assert (done.code, done.err) == (0, "")
    _, oid = parse(done.out.strip())
    client.sync()
    assert client.wait_for(client.connection.get(oid)) == 3


def test_a_priority_is_kept_and_shown(served: Instance, client: Client, cli: Cli) -> None:
    put = ("put", "operator.add", "--arg", "1", "--arg", "2")
    done = cli(*put, "--priority", "-5")
    _, oid = parse(done.out.strip())
    client.sync()
    partial = client.connection.get(oid)
    assert partial.priority == -5
    client.wait_for(partial)
    assert "Priority" in cli("job", done.out.strip()).out
    assert cli("job", "--json", done.out.strip()).json["priority"] == -5
    wrong = cli(*put, "--priority", "101")
    assert wrong.code == 2
    assert "-100<=x<=100" in wrong.err


def test_put_as_json_prints_the_id(served: Instance, cli: Cli) -> None:
    done = cli("put", "time.time", "--json")
    assert list(done.json) == ["id"]
    parse(done.json["id"])


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["operator.add", "--arg", "-1", "--arg", "2", "--wait"], 1),
        (["--wait", "operator.add", "--arg", '"a"', "--arg", '"b"'], "ab"),
        (["--wait", "30", "builtins.sorted", "--arg", "[1, 2]", "--kwarg", "reverse=true"], [2, 1]),
        (["builtins.dict", "--kwarg", 'b="="', "--wait=9"], {"b": "="}),
        (["os.getpid", "--queue", "reactor", "--wait"], "the supervisor's"),
        (["gc.enable", "--wait"], None),
        (["builtins.set", "--arg", '["one"]', "--wait"], "{'one'}"),
        (["builtins.float", "--arg", '"nan"', "--wait"], "nan"),
    ],
)  # fmt: skip
def test_put_with_wait_prints_the_result_as_one_json_value(
    served: Instance, cli: Cli, arguments: list[str], result: object
) -> None:
    done = cli("put", *arguments)
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    assert done.json == (served.pid if result == "the supervisor's" else result)


def test_put_with_wait_and_json_prints_the_whole_job(served: Instance, cli: Cli) -> None:
    done = cli("put", "operator.add", "--arg", "1", "--arg", "2", "--wait", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["state"] == "completed"
    assert done.json["result"] == 3
    assert done.json["args"] == ["1", "2"]


def test_a_job_that_fails_is_exit_code_1_with_its_traceback(served: Instance, cli: Cli) -> None:
    done = cli("put", "operator.truediv", "--arg", "1", "--arg", "0", "--wait")
    assert (done.code, done.out) == (1, "")
    assert "failed: builtins.ZeroDivisionError: division by zero" in done.err
    assert "Traceback (most recent call last)" in done.err


def test_a_job_that_fails_as_json_says_so_in_one_line(served: Instance, cli: Cli) -> None:
    done = cli("put", "operator.truediv", "--arg", "1", "--arg", "0", "--wait", "--json")
    assert done.code == 1
    assert done.json["failure"]["type"] == "builtins.ZeroDivisionError"
    assert "division by zero" in done.error


def test_a_job_that_has_not_ended_in_time_is_exit_code_1_and_goes_on(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    call = ["tests.jobs.basic.pass_gate", "--arg", json.dumps(gate.path)]
    done = cli("put", *call, "--wait", "0.3", "--json")
    assert done.code == 1
    assert done.json["state"] in ("pending", "active")
    assert "0.3 s" in done.error
    gate.open()
    client.sync()
    assert client.wait_for(client.connection.get(parse(done.json["id"])[1])) > 0


def test_a_wait_of_no_time_checks_once(served: Instance, cli: Cli, gate: Gate) -> None:
    done = cli("put", "tests.jobs.basic.pass_gate", "--arg", json.dumps(gate.path), "--wait", "0")
    assert done.code == 1
    assert "after 0 s" in done.err


def test_arguments_that_a_function_does_not_take_are_exit_code_2(
    served: Instance, cli: Cli
) -> None:
    done = cli("put", "tests.jobs.basic.nothing", "--arg", "1")
    assert done.code == 2
    assert "positional argument" in done.error
    assert "Traceback" not in done.error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no_such_module.call", "no_such_module"),
        ("operator.no_such_function", "no_such_function"),
        ("math.pi", "not callable"),
        ("nodots", "nodots"),
        ("a b.c", "a b.c"),
    ],
)
def test_an_unknown_callable_is_exit_code_2_and_puts_nothing(
    served: Instance, client: Client, cli: Cli, name: str, text: str
) -> None:
    before = waiting(client)
    done = cli("put", name)
    assert (done.code, done.out) == (2, "")
    assert text in done.error
    assert waiting(client) == before


def test_a_module_that_is_not_found_leads_to_pythonpath(served: Instance, cli: Cli) -> None:
    assert "PYTHONPATH" in cli("put", "no_such_module.call").error


def test_the_output_of_a_module_at_import_does_not_spoil_the_document(
    served: Instance, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loud_module.py").write_text("print('loud')\ndef call(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = cli("put", "loud_module.call", "--json")
    assert done.code == 0
    assert list(done.json) == ["id"]
    assert "loud" in done.err


def test_a_module_that_exits_at_import_is_exit_code_2(
    served: Instance, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaving_module.py").write_text("import sys; sys.exit(0)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = cli("put", "leaving_module.call")
    assert done.code == 2
    assert "SystemExit" in done.error


def test_the_current_folder_is_no_place_to_import_from(
    served: Instance, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_here.py").write_text("def call(): pass\n")
    monkeypatch.chdir(tmp_path)
    assert cli("put", "module_of_here.call").code == 2


def test_every_bad_argument_is_named(served: Instance, client: Client, cli: Cli) -> None:
    before = waiting(client)
    bad = ["--arg", "nope", "--kwarg", "x=also", "--kwarg", "1=2", "--kwarg", "plain"]
    done = cli("put", "builtins.dict", "--arg", "1", *bad, "--kwarg", "y=1", "--kwarg", "y=2")
    assert done.code == 2
    for text in ("--arg 'nope'", "--kwarg x: 'also'", "'1=2'", "'plain'", "y is given twice"):
        assert text in done.error
    assert waiting(client) == before


@pytest.mark.parametrize("seconds", ["--wait=-1", "--wait=nan", "--timeout=0", "--timeout=soon"])
def test_times_are_numbers_of_seconds(served: Instance, cli: Cli, seconds: str) -> None:
    done = cli("put", "time.time", seconds)
    assert done.code == 2
    assert "number of seconds" in done.error


def test_an_interrupted_wait_leaves_quietly_and_the_job_runs_on(
    served: Instance, client: Client, gate: Gate
) -> None:
    process = start("put", "tests.jobs.basic.pass_gate", "--arg", json.dumps(gate.path), "--wait")
    gate.wait_for()
    assert process.stderr is not None
    # The job may begin before its client knows that it has been put.
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert (done.code, done.out) == (130, "")
    assert said.startswith("zcasync: job 0x")
    assert "Traceback" not in done.err
    gate.open()
    client.sync()
    assert client.wait_for(client.connection.get(parse(said.split()[-1])[1])) > 0


def test_put_without_a_supervisor_says_how_to_start_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("put", "time.time", "--home", tmp_path)
    assert done.code == 3
    assert f"zcasync run --home {tmp_path}" in done.error


def test_a_supervisor_that_was_killed_keeps_no_client_waiting(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=0).start()
    server = kill_with_server(instance)
    wait_until(lambda: is_gone(server), "the database server to be gone")
    assert (instance.home / "var" / "zeo.sock").exists()
    assert (instance.home / "var" / "control.sock").exists()
    done = cli("put", "time.time", "--home", instance.home, "--timeout", "1000")
    assert done.code == 3
    assert "zcasync run" in done.error


def test_an_option_of_the_callable_that_is_refused_is_said_in_one_line(
    served: Instance, cli: Cli
) -> None:
    done = cli("put", "tests.jobs.indexing.mistaken")
    assert done.code == 1
    assert "put has no option 'retyr': did you mean retry?" in done.error
    assert "traceback" not in done.err
