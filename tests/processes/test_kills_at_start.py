"""A SIGKILL of a supervisor at its start: what it has just begun to start is gone with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support.instance import ROOT, Instance
from tests.support.services import service
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

LEAVE_SECONDS = 2.0
ON_A_SLOW_MACHINE = 10


def turn() -> None:
    """Look again at once."""


def within(seconds: float, family: list[psutil.Process]) -> None:
    """Fails when it takes much longer than promised until none of them runs."""
    began = time.monotonic()
    wait_until(lambda: all(map(is_gone, family)), "these to be gone", seen=lambda: family)
    took = time.monotonic() - began
    print(f"\n{len(family)} processes gone: {took:.3f} s, promised {seconds:g} s")
    assert took < ON_A_SLOW_MACHINE * seconds


#: At how many processes it is killed (the server is the first, the spare child the last), and how
#: many seconds later.
MOMENTS = ((1, 0.0), (2, 0.0), (2, 0.2), (3, 0.1))


def test_what_a_supervisor_was_starting_leaves_with_it(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance()
    for count, later in MOMENTS:
        instance.launch(service(instance.command))
        wait_until(
            lambda count=count: len(instance.descendants()) >= count,
            f"{count} processes",
            seen=instance.evidence,
            turn=turn,
        )
        time.sleep(later)
        family = instance.descendants()
        instance.kill()
        within(LEAVE_SECONDS, family)
    instance.start()
    assert instance.stop() == 0


TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"


def test_a_daemon_that_is_killed_leaves_nobody(folder: Path) -> None:
    home, pid_file, log = folder / "home", folder / "twistd.pid", folder / "twistd.log"
    options = ["--pidfile", str(pid_file), "--logfile", str(log), "zcasync", "--home", str(home)]
    subprocess.run(
        [sys.executable, "-c", TWISTD, *options],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text(), "the daemon's pid")
    daemon = psutil.Process(int(pid_file.read_text()))
    try:
        wait_until(lambda: "zcasync ready" in log.read_text(), "it to be ready", 60, log.read_text)
        family = daemon.children(recursive=True)
        assert len(family) >= 2
    finally:
        os.kill(daemon.pid, signal.SIGKILL)
    within(LEAVE_SECONDS, [daemon, *family])
