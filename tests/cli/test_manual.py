"""``man``: a manual page of every command and every option, which man can set without a warning."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import takewhile

import click
import pytest

from tests.cli.conftest import Result
from zcasync.cli.main import COMMANDS
from zcasync.cli.main import cli as group
from zcasync.cli.manual import page

Cli = Callable[..., Result]


def plain(line: str) -> str:
    """What a line of the page means."""
    return line.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\").removeprefix("\\&")


def test_each_command_and_each_option_has_its_place(cli: Cli) -> None:
    shown = cli("man")
    lines = [plain(line) for line in shown.out.splitlines()]

    assert shown.code == 0
    assert lines[0].startswith(".TH ZCASYNC 1 ")
    sections = [line.split()[2] for line in lines if line.startswith(".SS zcasync ")]
    assert sections == list(COMMANDS)
    for name in COMMANDS:
        of_it = section(lines, name)
        for option in options(name):
            assert any(line.startswith(f"\\fB{option}") for line in of_it), (name, option)
        assert "Examples:" in of_it


def section(lines: list[str], name: str) -> list[str]:
    """The lines about one command."""
    (begin,) = (n for n, line in enumerate(lines) if line.startswith(f".SS zcasync {name} "))
    return list(takewhile(lambda line: not line.startswith(".S"), lines[begin + 1 :]))


def options(name: str) -> list[str]:
    """The first names of a command's options."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [one.opts[0] for one in shown]


def test_a_text_means_itself() -> None:
    @click.command("odd", help="Purpose.\n\n.SH is no heading, nor 'br, \\fB is --not bold.")
    def odd() -> None:
        """Do nothing."""

    lines = list(page(click.Group("zcasync", {"odd": odd}, help="Name.")))

    assert "\\&.SH is no heading, nor \\(aqbr, \\efB is \\-\\-not bold." in lines


def test_groff_has_nothing_to_object_to(cli: Cli) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff here")
    set_ = subprocess.run(
        [groff, "-man", "-Tascii", "-ww", "-P-cbou", "-rLL=100n"],
        input=cli("man").out,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (set_.returncode, set_.stderr) == (0, "")
    assert "       --home DIR\n              Instance home." in set_.stdout
    assert "zcasync put math.factorial --arg 20 --wait" in set_.stdout
