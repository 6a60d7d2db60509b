"""The command line as a whole: help, examples, errors, and what it costs to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import SECONDS, Result, finish, start
from tests.support.instance import Instance
from zcasync.cli import status as status_module
from zcasync.cli.main import COMMANDS
from zcasync.cli.main import cli as group
from zcasync.instance.home import Home

Cli = Callable[..., Result]

#: Their examples change what others of them are about.
IN_THEIR_ORDER = {"queue", "quota", "schedule"}
#: They end or change what the tests share, need an id that only the reader knows, or do not end
#: soon.
NOT_ON_THE_SHARED_HOME = {
    *IN_THEIR_ORDER, "run", "stop", "demo", "release", "forget", "cancel", "retry", "discard",
    "tail", "bench",
}  # fmt: skip


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def examples(name: str) -> list[str]:
    """The lines of the Examples block of a command's help."""
    lines = (command(name).epilog or "").splitlines()
    return [line.strip() for line in lines[lines.index("Examples:") + 1 :]]


def shell(line: str, folder: Path) -> subprocess.Popen[str]:
    """Run a line as it is pasted into a shell."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples(cli: Cli, name: str) -> None:
    shown = cli(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    lines = [line.strip() for line in shown.out.rstrip().splitlines()]
    assert lines[lines.index("Examples:") + 1 :] == examples(name)
    assert examples(name)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_ON_THE_SHARED_HOME])
def test_the_examples_work_as_pasted(served: Instance, tmp_path: Path, name: str) -> None:
    running = [(line, shell(line, tmp_path)) for line in examples(name)]
    for line, process in running:
        done = finish(process)
        # Other tests leave jobs in the shared home whose records cannot be loaded.
        assert done.code == 0 or ("--deep" in line and "broken" in done.out), (line, done)
        assert done.out, line


@pytest.mark.parametrize("name", sorted(IN_THEIR_ORDER))
def test_the_examples_that_build_on_each_other_work_as_pasted(
    make_instance: Callable[..., Instance],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(make_instance().start().home))
    for line in examples(name):
        done = finish(shell(line, tmp_path))
        assert (done.code, done.err) == (0, ""), (line, done)
        assert done.out, line


@pytest.mark.parametrize("number", range(2))
def test_the_examples_of_run_and_stop_work_as_pasted(folder: Path, number: int) -> None:
    with shell(f"exec {examples('run')[number]}", folder) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("zcasync ready")
            done = finish(shell(examples("stop")[number], folder))
            assert (done.code, running.wait(SECONDS)) == (0, 0), done
        finally:
            running.kill()


def test_the_group_lists_every_command(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    listed = [line.split()[0] for line in shown.out.splitlines() if line.startswith("  ")]
    assert set(COMMANDS) <= set(listed)


@pytest.mark.parametrize(
    "arguments",
    [[], ["frobnicate"], ["status", "--frobnicate"], ["job"], ["put"], ["status", "too", "many"]],
)
def test_wrong_use_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    shown = cli(*arguments)
    assert (shown.code, shown.out) == (2, "")
    assert "--help" in shown.error


def test_the_home_is_the_options_then_the_environments_then_the_current_folders(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INSTANCE_HOME", raising=False)
    assert cli("check", "--json").json["home"] == str(tmp_path / "instance")
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path / "named"))
    assert cli("check", "--json").json["home"] == str(tmp_path / "named")
    assert cli("check", "--json", "--home", "given").json["home"] == str(tmp_path / "given")


def test_an_unforeseen_error_is_one_line_and_its_traceback_goes_to_the_log(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(document: object) -> None:
        raise ZeroDivisionError("a bug\nin two lines")

    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setattr(status_module, "_print_status", break_down)
    shown = cli("status", "--home", home.path)
    assert (shown.code, shown.out) == (2, "")
    assert "ZeroDivisionError: a bug in two lines" in shown.error
    log = (home.log / "zcasync.log").read_text()
    assert "zcasync status failed" in log
    assert "in break_down" in log


def test_an_unforeseen_error_makes_no_home(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(document: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(status_module, "_print_status", break_down)
    assert cli("status", "--home", tmp_path).code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_early_gets_no_traceback(served: Instance) -> None:
    line = f"{sys.executable} -m zcasync.cli.main check | head -1 > /dev/null"
    done = finish(shell(line, Path.cwd()))
    assert done.code == 0
    assert done.err == ""


def test_starting_loads_neither_reactor_nor_tables(served: Instance) -> None:
    code = (
        "import sys, zcasync.cli.main\n"
        "heavy = {'twisted.internet.reactor', 'rich', 'zcasync.supervisor', 'zcasync.cli.put'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("columns", ["60", "100"])
def test_text_is_printed_on_a_terminal_that_knows_only_ascii(
    served: Instance, columns: str
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "COLUMNS": columns}
    process = subprocess.Popen(
        [sys.executable, "-m", "zcasync.cli.main", "status"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    done = finish(process)
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").out.startswith("zcasync ")


def test_arguments_of_a_process_are_read(served: Instance) -> None:
    assert finish(start("ghosts", "--json")).json["ghosts"] == []
