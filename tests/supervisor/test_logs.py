"""The log of a supervisor: its file, to which commands append too, or standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.settings import Settings
from zcasync.supervisor import logs

home = Home(Path(sys.argv[1]))
home.path.mkdir(exist_ok=True)
"""
APPENDED = """
writer = logs.begin(home, Settings())
writer.write("first\\n")
logs.end()
own_files.append(home.log_file, "of a command that failed\\n")
writer.write("last\\n")
"""
#: At the very end, by all that logs: it ends without a word to the log.
LAST = """
import logging
from twisted.logger import Logger

logs.begin(home, Settings(log=sys.argv[2], log_format=sys.argv[3]))
Logger().info("of {job}", job="0x7")
Logger().warn("a warning")
logging.getLogger("lib").error("of a library\\nin two lines")
print("printed")
"""


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", CODE + code, *map(str, arguments)]
    return subprocess.run(command, check=True, timeout=60, stderr=subprocess.PIPE).stderr.decode()


def test_what_a_command_appends_is_not_written_over(tmp_path: Path) -> None:
    run(APPENDED, tmp_path)
    lines = (tmp_path / "log" / "zcasync.log").read_text().splitlines()
    assert lines == ["first", "of a command that failed", "last"]


def test_the_last_lines_of_a_process_are_written(tmp_path: Path) -> None:
    shown = run(LAST, tmp_path, "file", "text")
    found = (tmp_path / "log" / "zcasync.log").read_text().splitlines()
    assert [line.partition("] ")[2] or line for line in found] == [
        "of 0x7", "a warning", "of a library", "\tin two lines", "printed",
    ]  # fmt: skip
    assert [line.partition("] ")[2] for line in shown.splitlines()] == ["a warning"]


def test_standard_error_has_all_of_it_and_no_file_is_made(tmp_path: Path) -> None:
    found = [json.loads(line) for line in run(LAST, tmp_path, "-", "json").splitlines()]
    assert [line["message"] for line in found] == [
        "of 0x7", "a warning", "of a library\nin two lines", "printed",
    ]  # fmt: skip
    assert found[0]["job"] == "0x7"
    assert [line["level"] for line in found] == ["info", "warning", "error", "info"]
    assert not (tmp_path / "log").exists()
