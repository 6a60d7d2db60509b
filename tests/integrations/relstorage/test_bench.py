"""The benchmark measures starts and drains on another storage, beside the embedded default."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.homes import section
from tests.support.instance import ROOT


def test_starts_and_drains_are_measured_on_both(database: Database, tmp_path: Path) -> None:
    config, figures = tmp_path / "zcasync.conf", tmp_path / "figures.json"
    config.write_text(section(database.dsn))
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--beside", str(config), "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(figures.read_text())["measures"]["beside"]}
    assert rows["commit to start, beside (push), p50"]["value"] > 0
    assert rows["start, beside by embedded"]["need"] == "<= 1.5"
    assert rows["drain, beside by embedded"]["value"] > 0
    assert rows["drain, 2 supervisors by one"]["value"] > 0
