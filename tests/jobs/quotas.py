"""Jobs that notice themselves when more of them run at once than may."""

from __future__ import annotations

import fcntl
import os
import time

#: What a job notes that has found no free place.
OVER = "over"


def take_place(folder: str, places: int, number: int, seconds: float) -> int:
    """Hold one of so many files for a while, which the kernel frees when this process dies.

    Notes the run and the place, OVER where all of them are taken.
    """
    files = [os.open(f"{folder}/place{one}", os.O_CREAT | os.O_RDWR) for one in range(places)]
    try:
        place = next((one for one, file in enumerate(files) if _lock(file)), OVER)
        _note(f"{folder}/runs", f"{place} {number} {os.getpid()} {time.monotonic()}")
        time.sleep(seconds)
    finally:
        for file in files:
            os.close(file)
    return number


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(path: str, line: str) -> None:
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)
