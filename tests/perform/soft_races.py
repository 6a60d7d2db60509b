"""A process that makes many short calls, whose soft limits pass just when they return.

Prints as JSON how many were told, how many were not, and what was raised where nothing may be.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from typing import Any

from zcasync.errors import SoftTimeLimit
from zcasync.job.time_limits import TimeLimits
from zcasync.perform.soft_limit import SoftLimit
from zcasync.perform.time_limit import timed, unwatched

#: The two threads take turns that are much shorter than usual.
SWITCH_SECONDS = 1e-5


def work(seconds: float) -> str:
    """Run for so long, in Python."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return "done"


def behind() -> int:
    """What follows a call: nothing may be raised here."""
    return sum(number for number in range(300))


def make_calls(limit: SoftLimit, calls: int, found: dict[str, Any]) -> None:
    """Make the calls, with limits around the time that each takes."""
    for number in range(calls):
        limits = TimeLimits(soft=0.001 + (number % 100) * 1e-5)
        try:
            with timed(limits, unwatched, time.monotonic):
                try:
                    found[limit.call(work, 0.0015)] += 1
                except SoftTimeLimit as error:
                    found["told" if "soft_limit of" in str(error) else "stray"] += 1
            behind()
        except BaseException:
            traceback.print_exc()
            found["stray"] += 1


def main(calls: int) -> None:
    """Make so many calls beside a reactor."""
    from twisted.internet import reactor

    running: Any = reactor
    sys.setswitchinterval(SWITCH_SECONDS)
    found: dict[str, Any] = {"done": 0, "told": 0, "stray": 0}
    told: list[None] = []
    limit = SoftLimit(running, lambda: told.append(None))

    def run() -> None:
        make_calls(limit, calls, found)
        running.callFromThread(running.stop)

    running.callWhenRunning(threading.Thread(target=run).start)
    running.run(installSignalHandlers=False)
    left = [call for call in running.getDelayedCalls() if call.active()]
    print(json.dumps({**found, "left": len(left), "has_told": len(told)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
