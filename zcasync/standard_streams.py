"""The three standard streams of a process: one that was closed at its start leads to nothing.

Python has None in place of such a stream, and what the process opens next, the database perhaps,
gets its number: then whatever writes to the numbers 1 and 2, C code for instance, writes into that.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

NAMES = ("stdin", "stdout", "stderr")


def open_missing() -> None:
    """Let each standard stream that is closed lead to ``/dev/null``; the others stay as they are.

    To be called before the process opens anything that it keeps.  Safe to repeat.
    """
    for number, name in enumerate(NAMES):
        is_free = not _is_open(number)
        if is_free:
            _open_null(number)
        if getattr(sys, name) is None:
            # What else has the number by now keeps it.
            stream = _stream(number if is_free else os.open(os.devnull, os.O_RDWR), name)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_null(number: int) -> None:
    """Open ``/dev/null`` with this number, for the processes that are started from here too."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(null, number)
        os.close(null)


def _stream(number: int, name: str) -> TextIO:
    mode = "r" if name == "stdin" else "w"
    file = io.FileIO(number, mode, closefd=False)
    raw = io.BufferedReader(file) if mode == "r" else io.BufferedWriter(file)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace")
