"""A reactor whose time passes only when a test lets it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from twisted.internet.task import Clock

from zcasync import clock
from zcasync.testing.engine import INLINE_PARTS


class FakeReactor(Clock):
    """Twisted's Clock, with calls from threads and shutdown triggers.

    ``start``: the time in the beginning, an aware datetime; None: the real time.
    ``install()`` lets the model's clock follow it.  An engine in it does its database work and its
    reactor jobs in the thread that lets the time pass.
    """

    engine_parts = INLINE_PARTS

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__()
        self.triggers: list[tuple[Any, ...]] = []
        self._began = clock.now() if start is None else clock.from_datetime(start, "start")
        self._lock = threading.Lock()
        self._from_threads: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def install(self) -> None:
        """Let the model's clock follow this reactor."""
        clock.set_source(self.now)

    def uninstall(self) -> None:
        """Let the model's clock follow the system's again."""
        clock.set_source(None)

    def now(self) -> int:
        """Return the time, microseconds since 1970."""
        return self._began + round(self.seconds() * 1_000_000)

    @property
    def moment(self) -> datetime:
        """The time as an aware datetime in UTC."""
        return clock.to_datetime(self.now())

    def callFromThread(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have ``call`` called in the test's thread the next time that time passes."""
        with self._lock:
            self._from_threads.append((call, args, kwargs))

    def callWhenRunning(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have ``call`` called the next time that time passes: this reactor always runs."""
        self.callLater(0, call, *args, **kwargs)

    def addSystemEventTrigger(self, *trigger: Any) -> tuple[Any, ...]:
        """Remember ``(phase, event, call, ...)`` in ``triggers``."""
        self.triggers.append(trigger)
        return trigger

    def removeSystemEventTrigger(self, trigger: tuple[Any, ...]) -> None:
        """Forget a trigger."""
        self.triggers.remove(trigger)

    def shut_down(self) -> list[Any]:
        """Call the triggers that come before the shutdown; return their results."""
        return [
            call(*args)
            for phase, event, call, *args in self.triggers
            if (phase, event) == ("before", "shutdown")
        ]

    def time_passes(self) -> bool:
        """Make the next call that is due now; return whether there was one."""
        return self._step(self.seconds())

    def time_flies(self, seconds: float) -> int:
        """Let so much time pass and make all calls that come due; return how many.

        Raises ValueError for a negative number: time does not fly back.
        """
        if seconds < 0:
            raise ValueError(f"seconds must not be negative: {seconds}")
        end = self.seconds() + seconds
        count = 0
        while self._step(end):
            count += 1
        self.rightNow = end
        return count

    def turn_until(
        self, condition: Callable[[], Any], *, step: float = 1.0, seconds: float = 30.0
    ) -> None:
        """Let time fly, ``step`` by ``step``, until the condition is true; threads work meanwhile.

        Raises AssertionError after so many ``seconds`` of real time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {condition!r}"
            self.time_flies(step)
            time.sleep(0.001)  # let the threads work

    def _step(self, end: float) -> bool:
        with self._lock:
            waiting = self._from_threads.pop(0) if self._from_threads else None
        if waiting is not None:
            call, args, kwargs = waiting
            call(*args, **kwargs)
            return True
        self._sortCalls()
        if not self.calls or self.calls[0].getTime() > end:
            return False
        due = self.calls.pop(0)
        self.rightNow = max(self.rightNow, due.getTime())
        due.called = 1
        due.func(*due.args, **due.kw)
        return True
