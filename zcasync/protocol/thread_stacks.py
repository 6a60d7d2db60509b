"""The threads of this process and where they are: for whoever says what keeps it from ending."""

from __future__ import annotations

import faulthandler
import re
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from zcasync.protocol.left_threads import LeftThread, cut_thread

#: No more of them are told of.
MOST_TOLD = 100
#: What a thread is in that waits; who has called that is its place.
WAITING = ("threading.py", "queue.py", "selectors.py")
#: Threads that wait for work are in these: those of a pool, which ends them in time, and our own.
IDLE = (
    "concurrent/futures/thread.py",
    "twisted/_threads/_threadworker.py",
    "zcasync/supervisor/database_thread.py",
)
#: In the name of a thread of a ZEO client, which ends with the process.
OF_ZEO = "zeo client networking thread"
#: The interpreter's report of its threads, the innermost call of each first.
THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)")
CALL = re.compile(r'  File "(.*)", line (\d+) in (.*)')


class Call(NamedTuple):
    """A call that is under way: its function, and the line that it has come to."""

    file: str
    line: int
    function: str


def busy_threads(threads: Iterable[threading.Thread]) -> list[LeftThread]:
    """Return those of these threads that do not wait for work, and where they are."""
    there = list(threads)
    if not there:
        return []
    calls = _calls()
    at = {one: _active(calls.get(one.ident or 0, [])) for one in there}
    return [
        cut_thread(one.name, _place(at[one]), one.daemon)
        for one in there
        if OF_ZEO not in one.name and not _is_idle(at[one])
    ][:MOST_TOLD]


def _calls() -> dict[int, list[Call]]:
    """Return the calls that are under way, by thread; as far as there is room to write them."""
    found: dict[int, list[Call]] = {}
    try:
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return found
    calls: list[Call] = []
    for line in text.splitlines():
        if thread := THREAD.match(line):
            calls = found[int(thread[1], 16)] = []
        elif call := CALL.fullmatch(line):
            calls.append(Call(call[1], int(call[2]), call[3]))
    return found


def _active(calls: list[Call]) -> Call | None:
    """Return the call that waits, or works, in which a thread is; None: that is not known."""
    working = (one for one in calls if Path(one.file).name not in WAITING)
    return next(working, calls[0] if calls else None)


def _is_idle(call: Call | None) -> bool:
    return call is not None and call.file.endswith(IDLE)


def _place(call: Call | None) -> str:
    return "?" if call is None else f"{call.file}:{call.line} in {call.function}"
