"""A clock that is wrong, or is set, for every Python process that has this on its ``PYTHONPATH``.

``ZCASYNC_WRONG_CLOCK`` names a file with the seconds by which it is wrong (tests.support.clocks).
The monotonic clock stays what it is, as on a machine whose clock is set.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

PATH = os.environ.get("ZCASYNC_WRONG_CLOCK", "")

if PATH:
    with Path(PATH).open("rb") as file:
        shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    right, right_ns = time.time, time.time_ns

    def _wrong() -> int:
        seconds: int = struct.unpack("q", shared)[0]
        return seconds

    time.time = lambda: right() + _wrong()
    time.time_ns = lambda: right_ns() + _wrong() * 1_000_000_000
