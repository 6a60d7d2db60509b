"""Callables for the tests of checkpoints and of steps that are done once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from persistent import Persistent
from ZODB.POSException import ConflictError

import zcasync
from tests.support.gates import Gate
from zcasync import Snooze, checkpoint, current, once
from zcasync.errors import SoftTimeLimit

#: What the calls of this process have done outside of the database.
OUTSIDE: list[Any] = []


class Pages(Persistent):
    """Reads pages, one after the other, with a checkpoint behind each."""

    read: tuple[int, ...] = ()
    number = 3

    def read_all(self, fails: str = "") -> int:
        """Reads what is left; fails in a way at the second page, where that is left, once."""
        begin = _place()
        for page in range(begin, self.number):
            self.read = (*self.read, page)
            if page == 1 and begin == 0 and fails:
                _fail(fails)
            checkpoint(page + 1)
        return len(self.read)

    def read_all_always_conflicting(self, times: int) -> int:
        """Conflicts so often behind each checkpoint."""
        for page in range(_place(), self.number):
            OUTSIDE.append(page)
            if OUTSIDE.count(page) <= times:
                raise ConflictError("again")
            self.read = (*self.read, page)
            checkpoint(page + 1)
        return len(self.read)

    def read_at_gate(self, gate: str) -> int:
        """Waits at the gate behind the first checkpoint, before the second one."""
        for page in range(_place(), self.number):
            self.read = (*self.read, page)
            if page == 1:
                Gate(gate).pass_through()
            checkpoint(page + 1)
        return len(self.read)

    def read_within_limit(self) -> int:
        """Takes too long for the second page, the first time; goes on behind the first one."""
        try:
            for page in range(_place(), self.number):
                self.read = (*self.read, page)
                while page == 1 and not current().snoozes:  # type: ignore[union-attr]
                    time.sleep(0.01)
                checkpoint(page + 1)
        except SoftTimeLimit:
            raise Snooze(0) from None
        return len(self.read)

    def fail_behind_a_checkpoint(self) -> None:
        """Fails for good, the first time."""
        if current().checkpoint == "one":  # type: ignore[union-attr]
            self.read = (*self.read, 2)
            return
        self.read = (*self.read, 1)
        checkpoint("one")
        raise ValueError("for good")

    def keep(self, value: Any) -> Any:
        """Keeps a value, then changes it, and returns what a later attempt would have."""
        checkpoint(value)
        if isinstance(value, list):
            value.append("changed behind it")
        return current().checkpoint  # type: ignore[union-attr]


def _place() -> int:
    return current().checkpoint or 0  # type: ignore[union-attr]


def _fail(how: str) -> None:
    if how == "exception":
        raise ValueError("not now")
    if how == "conflict":
        raise ConflictError("not now")
    os._exit(7)


def make_checkpoint() -> None:
    """Only that."""
    checkpoint(1)


def take_step() -> Any:
    """Only that."""
    return once("step", list)


def note(text: str) -> int:
    """An effect outside of the database; how often there were any."""
    OUTSIDE.append(text)
    return len(OUTSIDE)


def note_and_raise(text: str) -> None:
    """An effect, and an error."""
    OUTSIDE.append(text)
    raise OSError(f"after {text}")


def take_long_step() -> list[Any]:
    """A step that goes on behind the soft limit; its result, and how often it was begun."""
    begun = []

    def step() -> str:
        begun.append("step")
        while not current().cancelled:  # type: ignore[union-attr]
            time.sleep(0.01)
        time.sleep(0.2)
        return "done"

    try:
        once("long", step)
        while True:
            time.sleep(0.01)
    except SoftTimeLimit:
        return [once("long", step), len(begun)]


def charge(fails: str = "", **options: Any) -> Any:
    """Takes one step, and fails the first time, behind it."""
    result = once("charge", note, "charged", **options)
    if fails and len(OUTSIDE) == 1 and "failed" not in OUTSIDE:
        OUTSIDE.append("failed")
        _fail(fails)
    return result


def charge_in_vain(**options: Any) -> None:
    """The step raises."""
    once("charge", note_and_raise, "charged", **options)


def charge_at(path: str, gate: str, in_doubt: str = "repeat") -> int:
    """Writes a line to a file as its step, and waits at the gate behind it."""
    count = once("line", _write_line, path, in_doubt=in_doubt)
    Gate(gate).pass_through()
    return count  # type: ignore[no-any-return]


def charge_slowly_at(path: str, gate: str, in_doubt: str = "repeat") -> int:
    """Waits at the gate when the line is written, before that is recorded."""
    return once("line", _write_and_wait, path, gate, in_doubt=in_doubt)  # type: ignore[no-any-return]


def _write_and_wait(path: str, gate: str) -> int:
    count = _write_line(path)
    Gate(gate).pass_through()
    return count


def _write_line(path: str) -> int:
    with Path(path).open("a") as lines:
        lines.write("line\n")
    return len(Path(path).read_text().splitlines())


def step_of_a_callback(result: Any) -> Any:
    """A callback with a step of the same key."""
    return result, zcasync.once("charge", note, "called back")
