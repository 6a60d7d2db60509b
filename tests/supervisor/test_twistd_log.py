"""The log under twistd: where its options say, written by our thread, in our formats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions

from zcasync.supervisor.options import Options

OURS = "zcasync.supervisor.twistd_log.observer"
#: Begins the log as twistd does, says a line, and ends as it does: killed by a signal.
CODE = """
import os, signal, sys
from twisted.logger import Logger, globalLogBeginner
from twisted.scripts.twistd import ServerOptions

options = ServerOptions()
options.parseOptions(sys.argv[1:])
globalLogBeginner.beginLoggingTo([options["logger"]()])
from zcasync.supervisor import logs

Logger().warn("a line")
logs.end()
Logger().warn("the last one")
os.kill(os.getpid(), signal.SIGKILL)
"""


def parsed(tmp_path: Path, before: list[str], after: list[str]) -> ServerOptions:
    options = ServerOptions()
    options.parseOptions([*before, "zcasync", "--home", str(tmp_path), *after])
    return options


def logged(tmp_path: Path, before: list[str], after: list[str]) -> tuple[str, str]:
    """What is on standard output and standard error."""
    command = [*before, "zcasync", "--home", str(tmp_path / "home"), *after]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -9, done.stderr
    return done.stdout, done.stderr


def test_twistd_logs_by_ours_unless_told_otherwise(tmp_path: Path) -> None:
    assert parsed(tmp_path, ["-n"], [])["logger"].__name__ == "observer"
    assert f"{parsed(tmp_path, [], [])['logger'].__module__}.observer" == OURS
    assert parsed(tmp_path, ["--syslog"], [])["logger"] is None
    assert parsed(tmp_path, ["--logger", "os.getpid"], [])["logger"] is os.getpid


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ([], ["--log", "-"], "a daemon has no standard error"),
        (["--syslog"], ["--log-format", "json"], "without --logger and --syslog"),
        (["-n", "--logger", "os.getpid"], ["--log", "-"], "without --logger and --syslog"),
        (["-n"], ["--log", "elsewhere"], "'elsewhere' is neither"),
        (["-n"], ["--log-format", "xml"], "'xml' is neither"),
    ],
)
def test_what_cannot_be_is_wrong_use(
    tmp_path: Path, before: list[str], after: list[str], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        parsed(tmp_path, before, after)


def test_twistd_on_its_own_has_no_such_options() -> None:
    with pytest.raises(UsageError, match="for zcasync run, and twistd"):
        Options().parseOptions(["--log-format", "json"])


@pytest.mark.parametrize("before", [["-n"], ["-n", "--logfile", "-"]])
def test_in_the_foreground_it_is_on_standard_output(tmp_path: Path, before: list[str]) -> None:
    out, _ = logged(tmp_path, before, [])

    assert [line.rpartition("] ")[2] for line in out.splitlines()] == ["a line", "the last one"]


def test_the_setting_has_it_on_standard_error(tmp_path: Path) -> None:
    out, error = logged(tmp_path, ["-n"], ["--log", "-", "--log-format", "json"])

    assert out == ""
    found = [json.loads(line)["message"] for line in error.splitlines()]
    assert found == ["a line", "the last one"]


@pytest.mark.parametrize(
    ("before", "name"),
    [([], "twistd.log"), (["--logfile", "own.log"], "own.log"), (["-n", "-l", "b.log"], "b.log")],
)
def test_a_file_is_made_that_nobody_else_may_write(
    tmp_path: Path, before: list[str], name: str
) -> None:
    out, error = logged(tmp_path, before, [])

    assert (out, error) == ("", "")
    assert (tmp_path / name).read_text().count("\n") == 2
    assert (tmp_path / name).stat().st_mode & 0o022 == 0


def test_a_device_is_no_file_to_rotate(tmp_path: Path) -> None:
    assert logged(tmp_path, ["-n", "--logfile", "/dev/null"], []) == ("", "")
    assert logged(tmp_path, ["-n", "--logfile", "/dev/full"], []) == ("", "")
