"""zcasync top on terminals that are resized, left and closed; and colours where they are wanted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tests.cli.conftest import Result, finish, frozen, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from tests.support.terminals import terminal
from zcasync.job.ids import id_of

Cli = Callable[..., Result]

ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
#: The exit code of a process whose reader has left, and the bits of a terminal's local modes.
LEFT, LOCAL_MODES = 141, 3


def test_jobs_are_seen_as_they_come_and_q_gives_the_terminal_back(
    served: Instance, client: Client, gate: Gate
) -> None:
    with terminal("top") as screen:
        assert ALTERNATE in screen.wait_for("zcasync top")
        screen.wait_for("running")
        running = client.put(jobs.pass_gate, gate.path)
        gate.wait_for()
        screen.wait_for(id_of(running))
        screen.wait_for("pass_gate")
        gate.open()
        client.wait_for(running)
        screen.wait_for(id_of(running))
        screen.wait_for("completed")
        screen.type("q")
        code, rest, errors = screen.end()
        assert (code, errors) == (0, "")
        assert NORMAL in rest
        assert screen.settings_now()[LOCAL_MODES] == screen.settings[LOCAL_MODES]


def test_it_is_drawn_anew_for_another_size(served: Instance) -> None:
    with terminal("top", size=(100, 30)) as screen:
        screen.wait_for(str(served.home))
        screen.wait_for("running")
        screen.resize(20, 5)
        while True:
            screen.wait_for("zcasync top")
            seen = screen.wait_for("zcasync top")
            lines = ESCAPE.sub("", seen).split("\r\n" if "\r\n" in seen else "\n")
            if max(map(len, lines)) <= 20 and len(lines) <= 5:
                break
        screen.type("\x03")
        code, _, errors = screen.end()
        assert (code, errors) == (0, "")


@pytest.mark.parametrize("nohup", ["", "1"])
@pytest.mark.parametrize("words", [["top"], ["tail"]])
def test_a_terminal_that_is_closed_ends_it_quietly(
    served: Instance, client: Client, monkeypatch: pytest.MonkeyPatch, nohup: str, words: list[str]
) -> None:
    if nohup:
        monkeypatch.setenv("TEST_NOHUP", nohup)
    with terminal(*words, *(["--last", "1"] if words == ["tail"] else [])) as screen:
        client.wait_for(client.put(jobs.nothing))
        screen.wait_for("completed")
        screen.close()
        client.wait_for(client.put(jobs.nothing))  # there is something to print
        code, _, errors = screen.end()
    assert code in (LEFT, -1, 129)
    assert errors == ""


def test_without_a_terminal_one_picture_is_printed(served: Instance, cli: Cli) -> None:
    shown = cli("top")
    assert (shown.code, shown.err) == (0, "")
    assert str(served.worker().UUID)[:8] in shown.out
    assert not ESCAPE.search(shown.out)


def test_a_frozen_database_is_said_and_can_be_left(served: Instance) -> None:
    with frozen(served.status()["server_pid"]), terminal("top", "--timeout", "1") as screen:
        screen.wait_for("did not answer", "no database server answers")  # whichever gave up first
        screen.type("q")
        code, _, errors = screen.end()
    assert (code, errors) == (0, "")


def test_a_supervisor_that_comes_is_seen(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=0).start()
    instance.stop()
    with terminal("top", "--home", instance.home) as screen:
        screen.wait_for("does not run")
        instance.start()
        screen.wait_for(f"process {instance.pid}")
        screen.wait_for("All is well")
        instance.stop()
        screen.wait_for("no worker runs")


@pytest.mark.parametrize("words", [["status"], ["top"]])
def test_colours_are_for_terminals_that_want_them(served: Instance, words: list[str]) -> None:
    def shown(**variables: str) -> str:
        with terminal(*words, **variables) as screen:
            return screen.wait_for("running")

    assert COLOUR.search(shown(NO_COLOR=""))
    assert not COLOUR.search(shown(NO_COLOR="1"))
    assert not ESCAPE.search(shown(TERM="dumb"))
    os.environ["FORCE_COLOR"] = "1"
    try:
        done = finish(start(*words))
    finally:
        del os.environ["FORCE_COLOR"]
    assert not ESCAPE.search(done.out), "never in pipes"
