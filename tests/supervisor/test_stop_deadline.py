"""The deadline of a stop, kept by a thread: when it ends the process, and what it does then."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from typing import Any

from zcasync.supervisor.stop_deadline import (
    AFTER_GRACE_SECONDS,
    FROZEN_SECONDS,
    LAST_WORDS_SECONDS,
    LastActs,
    StopDeadline,
)

#: A grace period with which a stop ends almost at once.
NONE = LAST_WORDS_SECONDS - AFTER_GRACE_SECONDS + 0.1
LONG = 600.0


class Ends:
    """What a deadline has done."""

    def __init__(self, grace: float) -> None:
        self.acts: queue.SimpleQueue[Any] = queue.SimpleQueue()
        acts = LastActs(self._left, lambda: self.acts.put("killed"), lambda: 3)
        self.deadline = StopDeadline(lambda: grace, acts, lambda code: self.acts.put(code))

    def _left(self) -> list[str]:
        return ["child 17 at job 0x1", "engine E as a ghost"]

    def require_end(self) -> None:
        """It has killed what was left, and then ended the process."""
        assert self.acts.get(timeout=30) == "killed"
        assert self.acts.get(timeout=30) == 3


def test_it_kills_what_is_left_and_ends_the_process() -> None:
    made = Ends(NONE)
    made.deadline.watch()
    assert made.deadline.left == float("inf")
    made.deadline.begin()
    made.require_end()


def test_a_stop_that_is_hurried_ends_earlier_and_never_later() -> None:
    made = Ends(LONG)
    made.deadline.watch()
    made.deadline.begin()
    until = made.deadline.left
    made.deadline.hurry(2 * LONG)
    assert made.deadline.left <= until
    made.deadline.hurry(NONE)
    made.require_end()


def test_a_process_can_be_ended_at_once() -> None:
    made = Ends(LONG)
    made.deadline.watch()
    made.deadline.end_now("a third SIGTERM has come")
    made.require_end()


def test_a_second_begin_gives_no_more_time() -> None:
    made = Ends(LONG)
    made.deadline.begin()
    until = made.deadline.left
    made.deadline.begin()
    assert made.deadline.left <= until < LONG + AFTER_GRACE_SECONDS


def test_a_stop_that_has_ended_ends_nothing() -> None:
    made = Ends(NONE)
    made.deadline.watch()
    made.deadline.drop()
    made.deadline.begin()
    time.sleep(0.3)  # three times as long as the deadline
    assert made.acts.empty()


SCRIPT = """
import sys, time
from zcasync.supervisor.stop_deadline import LastActs, StopDeadline

def kill():
    print("ends", flush=True)

deadline = StopDeadline(lambda: float(sys.argv[1]), LastActs(list, kill, lambda: 0))
deadline.watch()
deadline.begin()
print("begun", flush=True)
for step in range(20):
    time.sleep(0.1)
print("goes on", flush=True)
time.sleep(60)
"""


def test_a_process_that_was_stopped_itself_gets_some_time_to_go_on() -> None:
    seconds = str(NONE + 3.0)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, seconds], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS + 3)  # its deadline is over meanwhile
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == "goes on\nends\n"
        assert process.wait(30) == 0
