"""What jobs, records and arguments hold reaches no terminal, no program and no log as it is."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Result
from tests.jobs import hostile
from tests.support.gates import Gate
from tests.support.hostile import HOSTILE, acting, faked
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until
from zcasync.text import printable

Cli = Callable[..., Result]

every_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


@pytest.fixture
def harmless(cli: Cli) -> Cli:
    """Runs a command line, and looks at all that has come out."""

    def run(*arguments: object) -> Result:
        done = cli(*arguments)
        assert acting(done.out + done.err, "\n\t") == set(), arguments
        assert faked(done.out + done.err) == [], arguments
        return done

    return run


def put_call_of_that_name(client: Client, harmless: Cli, text: str) -> Partial:
    """Put a call whose stored name no put would have accepted, as who writes the records can.

    It is cancelled when it is set aside.
    """
    partial = Partial(hostile.say)
    partial._call = f"tests.jobs.hostile:no{text}"
    client.manager.thread.put(partial)
    client.commit()

    def is_aside() -> bool:
        client.sync()
        return partial.aside is not None

    wait_until(is_aside, "it to be set aside")
    assert "set aside" in harmless("job", id_of(partial)).out
    harmless("cancel", id_of(partial))
    return partial


@every_text
def test_top_and_tail_are_shown_escaped(
    served: Instance, client: Client, harmless: Cli, text: str
) -> None:
    missing = put_call_of_that_name(client, harmless, text)
    client.wait_for(missing)
    ended = id_of(missing)
    wait_until(lambda: ended in harmless("top").out, "it to be among those that ended")
    lines = harmless("tail", "--last", 1, "--seconds", 0.1).out.splitlines()
    assert len(lines) == 1
    assert ended in lines[0]
    assert printable(f"no{text}").replace(":", ".") in lines[0]


@every_text
def test_jobs_are_shown_escaped(
    served: Instance, client: Client, harmless: Cli, gate: Gate, text: str
) -> None:
    odd = client.manager.thread.put(Partial(hostile.say, text, **{text: text}))
    failed = client.manager.thread.put(Partial(hostile.complain, text))
    client.commit()
    missing = put_call_of_that_name(client, harmless, text)
    client.wait_for(odd, failed, missing)
    running = client.put(hostile.say, text, gate.path)
    gate.wait_for()
    partials = (odd, failed, missing, running)

    shown = [harmless("job", id_of(one)) for one in partials]
    documents = [harmless("job", id_of(one), "--json").json for one in partials]
    for command in ("jobs", "status", "ghosts", "check"):
        harmless(command)
        harmless(command, "--json")

    assert documents[0]["result"] == text
    assert documents[1]["failure"]["message"] == text
    assert documents[3]["progress"]["message"] == text
    assert text.replace(":", ".") in documents[2]["callable"]
    assert all(printable(text[:2]) in one.out for one in shown)
    gate.open()
    client.wait_for(running)


@every_text
@pytest.mark.parametrize("name", ["say", "complain"])
def test_a_result_that_is_waited_for_is_shown_escaped(
    served: Instance, harmless: Cli, name: str, text: str
) -> None:
    put = ["put", f"tests.jobs.hostile.{name}", "--arg", json.dumps(text), "--wait"]
    done = harmless(*put)
    if name == "say":
        assert done.json == text
    else:
        assert "\n  Traceback (most recent call last)" in done.err
    harmless(*put, "--json")


@every_text
@pytest.mark.parametrize(
    "arguments",
    [
        ["job", "{}"],
        ["put", "no{}.where"],
        ["put", "math.sqrt", "--arg", "{}"],
        ["put", "math.sqrt", "--kwarg", "{}"],
        ["release", "{}"],
        ["jobs", "--state", "{}"],
        ["jobs", "--timeout", "{}"],
        ["jobs", "--{}"],
        ["{}"],
        ["status", "--home", "/nowhere/{}"],
        ["check", "--home", "/nowhere/{}"],
    ],
    ids=" ".join,
)
def test_errors_quote_arguments_escaped(
    served: Instance, harmless: Cli, arguments: list[str], text: str
) -> None:
    given = [one.replace("{}", text.replace("\0", "")) for one in arguments]
    assert harmless(*given).code != 0


@every_text
def test_what_a_job_prints_cannot_be_taken_for_a_record_of_the_log(
    served: Instance, client: Client, text: str
) -> None:
    client.wait_for(client.put(hostile.complain, text))
    client.wait_for(client.put(hostile.complain, text, queue="reactor"))
    client.wait_for(client.put(hostile.say, text, queue="reactor"))
    log = served.home / "log" / "zcasync.log"
    for shown in (log.read_bytes().decode(), served.output_file.read_bytes().decode()):
        assert acting(shown, "\n\t") == set()
        assert faked(shown) == []
