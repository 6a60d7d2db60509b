"""``completion``: a shell that loads what it prints completes commands, options and folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Result
from zcasync.cli.completion import SHELLS, VARIABLE
from zcasync.cli.main import COMMANDS

Cli = Callable[..., Result]

#: What bash does at a TAB behind the last word, and what it has found then.
TAB = """
eval "$(zcasync completion bash)"
compopt() { echo "$@"; }
read -r -a COMP_WORDS <<< "$1"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_zcasync_completion zcasync
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(line: str, folder: Path) -> list[str]:
    """What bash offers for a line, whose last word is typed in part."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    assert bash("zcasync st", tmp_path) == ["status", "stop"]
    assert "--children" in bash("zcasync run --ch", tmp_path)
    assert bash("zcasync completion f", tmp_path) == ["fish"]


def test_bash_completes_the_home_with_folders(tmp_path: Path) -> None:
    assert bash("zcasync status --home in", tmp_path) == ["-o", "dirnames"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_answered(cli: Cli, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    script = cli("completion", shell)
    assert (script.code, script.err) == (0, "")
    assert f"{VARIABLE}={shell}_complete" in script.out

    monkeypatch.setenv(VARIABLE, f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "zcasync ")
    monkeypatch.setenv("COMP_CWORD", "" if shell == "fish" else "1")
    answer = cli()

    assert (answer.code, answer.err) == (0, "")
    assert [name for name in COMMANDS if name not in answer.out] == []


def test_an_unknown_shell_is_told_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("completion", "tcsh").code == 2
    monkeypatch.setenv(VARIABLE, "tcsh_complete")
    assert cli().code == 1
