"""The command line of the database server: its help, and what it says of its configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.instance import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-P", "-m", "zcasync.zeo", *arguments]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_help_has_the_options() -> None:
    for option in ("-h", "--help"):
        done = run(option)
        assert done.returncode == 0
        assert "Usage: python -P -m zcasync.zeo" in done.stdout
        for one in ("--configure", "--address", "--filename", "--timeout", "--pid-file"):
            assert one in done.stdout
        assert done.stdout.endswith("\n")
    assert run("--hlp").returncode == 2


def test_a_missing_file_of_tls_is_named_and_no_traceback_shown(folder: Path) -> None:
    config = (ROOT / "etc" / "zeo-tls.conf").read_text().replace("etc/tls", str(folder))
    (folder / "zeo.conf").write_text(config)

    done = run("-C", str(folder / "zeo.conf"))

    assert done.returncode == 2
    assert f"there is no file {folder}/ca.pem, which is to hold the certificate" in done.stderr
    assert "docs/hosts.rst" in done.stderr
    assert "Traceback" not in done.stderr
