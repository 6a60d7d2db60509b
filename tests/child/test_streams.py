"""The three streams of a child are its own again for each job; tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAMME = """
import io, os, sys
from zcasync.child.streams import Streams

streams = Streams("mark ")
kept = sys.stdout
streams.begin("0x1")
assert sys.stdout is kept
{act}
streams.restore_files()
streams.begin("0x2")
print("again")
print("again", file=sys.stderr)
os.write(1, b"written\\n")
assert sys.stdin.read() == ""
assert sys.__stdout__ is sys.stdout
streams.flush()
"""

ACTS = {
    "nothing": "",
    "prints": "print('before', end='')",
    "closes": "sys.stdout.close(); sys.stdin.close()",
    "deletes": "del sys.stdout, sys.stdin",
    "detaches": "print('before', end=''); sys.stdout.detach()",
    "rewraps": "sys.stdout = io.TextIOWrapper(sys.stdout.buffer)",
    "keeps a wrapper": "kept = io.TextIOWrapper(sys.stdout.buffer); sys.stdout = None",
    "closes descriptors": "os.closerange(0, 3)",
    "puts a file over": "os.dup2(os.open(os.devnull, os.O_RDWR), 1)",
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_next_job_has_the_childs_streams(act: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMME.format(act=act)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before = "mark 0x1\nbefore" if "before" in act else ""
    assert done.stdout == f"{before}mark 0x2\nagain\nwritten\n"
    assert done.stderr == "mark 0x2\nagain\n"
