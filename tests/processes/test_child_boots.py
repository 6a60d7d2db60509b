"""Children that cannot boot: what the operator is told, and how much it costs meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.jobs import basic as jobs
from tests.support.instance import Instance
from zcasync.testing.waiting import wait_until

#: Ends each child when it starts, for as long as the file is there.
BREAKS = """
import os, pathlib, sys
if "zcasync.child" in sys.orig_argv and pathlib.Path({marker!r}).exists():
    sys.stderr.write("this machine is broken\\n")
    os._exit(9)
"""


def test_a_boot_that_always_fails_is_reported_and_ends_when_the_cause_is_gone(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    marker = tmp_path / "broken"
    marker.touch()
    (tmp_path / "sitecustomize.py").write_text(BREAKS.format(marker=str(marker)))
    instance = make_instance(children=2)
    instance.import_path.insert(0, tmp_path)
    instance.launch()

    def boot() -> dict[str, object]:
        return instance.status()["boot"] or {}  # type: ignore[no-any-return]

    wait_until(lambda: "children: 0 -> 2" in instance.log, "children", 60, instance.evidence)
    wait_until(lambda: boot().get("tries", 0) >= 6, "some tries", seen=instance.evidence)  # type: ignore[operator]
    assert "exited with 9 before it was ready: this machine is broken" in str(boot()["problem"])
    assert "zcasync ready" not in instance.output
    shown = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", "status", "--home", str(instance.home)],
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    shown = " ".join(shown.split())  # long lines are wrapped
    assert "before it was ready: this machine is broken (" in shown
    assert " tries since " in shown
    assert instance.log.count("next try in") < 10, "no flood"
    marker.unlink()
    instance.wait_until_ready()
    client = instance.client
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    instance.wait_for_children(2, "idle")
    assert boot() == {}
