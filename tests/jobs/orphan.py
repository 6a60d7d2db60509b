"""A job that leaves a process behind, where no killing of its child's group reaches it."""

from __future__ import annotations

import subprocess
import sys


def leave_a_process_behind() -> int:
    """Start a process in a session of its own, and end."""
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left.returncode = 0  # whoever waits for it, it is not us
    return left.pid
