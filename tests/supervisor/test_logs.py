"""The log of a supervisor: its file, to which commands append too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.supervisor import logs

home = Home(Path(sys.argv[1]))
file = logs.begin(home)
file.write("first\\n")
own_files.append(home.log_file, "of a command that failed\\n")
file.write("last\\n")
"""


def test_what_a_command_appends_is_not_written_over(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], check=True, timeout=60)
    lines = (tmp_path / "log" / "zcasync.log").read_text().splitlines()
    assert lines == ["first", "of a command that failed", "last"]
