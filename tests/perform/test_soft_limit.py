"""The soft limit of a call: raised in its own code, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.instance import ROOT

CALLS = 1500


def test_what_passes_as_the_call_returns_is_raised_in_it_or_never() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.perform.soft_races", str(CALLS)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["stray"], done.stderr) == (0, "")
    assert found["done"] + found["told"] == CALLS
    assert min(found["done"], found["told"]) > CALLS // 50, "both sides of the race were run"
    assert found["left"] == 0, "no timer outlives its call"
