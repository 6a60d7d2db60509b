"""Lonely children: the database is away for them alone, so that others take their place.

A job can break the connection of its process, which then waits for ever.  Proof is that this
process asks the same database meanwhile, and that answers.  After an outage of all it comes back
for one process before it does for another, and a database that has no room makes all of them wait:
neither is held against a child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.protocol.waits import says_full
from zcasync.supervisor.children.interfaces import IChild
from zcasync.supervisor.children.timers import cancel

#: A child is killed that has been without the database for so long, while this process has it.
LONELY_SECONDS = 5.0
#: Nothing is held against a child for so long after an outage of all: its pauses have grown.
RETURN_SECONDS = 10.0
LOOK_SECONDS = 1.0
#: A pass that takes longer has waited for the database itself.
SLOW_SECONDS = 3.0


class LonelyChildren:
    """Looks every second, while a child is without the database, whether this process is too.

    ``children()``: those there are; ``ask()`` asks for a pass that asks the database.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        children: Callable[[], Iterable[IChild]],
        ask: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._children = children
        self._ask = ask
        self._timer: IDelayedCall | None = None
        self._is_stopped = False
        self._asked_at: float | None = None  # when the pass began that asks the database
        self._is_answered = False  # since the last look
        self._looks: dict[int, int] = {}  # pid -> answered looks in a row at which it was lonely
        self._not_before = float("-inf")

    def note(self, child: IChild) -> None:
        """Note what a child has told: look after it while it is without the database."""
        if _problem(child) is None:
            self._looks.pop(child.pid, None)
        if self._is_stopped or _problem(child) is None:
            return
        # One that could not store a job may be at work now: only at the next such end it is known.
        if child.wait is None and self._is_lonely(child):
            _retire(child)
        if self._timer is None:
            self._look_later()

    def stop(self) -> None:
        """Look no more.  Safe to repeat."""
        self._is_stopped = True
        cancel(self._timer)

    # the passes of this process

    def pass_begins(self, *, asks: bool) -> None:
        """Note that a pass begins; ``asks``: it asks the database, not only what is known here."""
        self._asked_at = self._reactor.seconds() if asks else None

    def pass_made(self, *, is_connected: bool = True) -> None:
        """Note that the pass was made; ``is_connected``: the other databases are not away, too.

        A pass asks that of the queues only; jobs may wait for another one.
        """
        if not is_connected:
            self.pass_failed()
        asked, self._asked_at = self._asked_at, None
        if asked is None:
            return
        if self._reactor.seconds() - asked > SLOW_SECONDS:
            self.pass_failed()
        else:
            self._is_answered = True

    def pass_failed(self) -> None:
        """Note that the pass could not be made: as if the database were away for all."""
        self._asked_at, self._is_answered = None, False
        self._looks.clear()
        self._not_before = self._reactor.seconds() + RETURN_SECONDS

    # the looks

    def _look_later(self) -> None:
        self._timer = self._reactor.callLater(LOOK_SECONDS, self._look)
        self._is_answered = False
        if self._reactor.seconds() >= self._not_before:
            self._ask()

    def _look(self) -> None:
        self._timer = None
        lonely = [one for one in self._children() if one.pid and _problem(one) is not None]
        if any(_is_full(one) for one in lonely):
            self.pass_failed()
        if not self._is_answered or self._reactor.seconds() < self._not_before:
            pids = {one.pid for one in lonely}
            self._looks = {pid: looks for pid, looks in self._looks.items() if pid in pids}
        else:
            self._looks = {one.pid: self._looks.get(one.pid, 0) + 1 for one in lonely}
        for child in lonely:
            if child.wait is not None and self._is_lonely(child):
                _retire(child)
        if lonely:
            self._look_later()

    def _is_lonely(self, child: IChild) -> bool:
        return self._looks.get(child.pid, 0) * LOOK_SECONDS >= LONELY_SECONDS


def _problem(child: IChild) -> str | None:
    """Return why a child is without the database; None: it is not, as far as it has told."""
    if child.wait is not None:
        return child.wait.problem
    return None if child.unstored is None else child.unstored.detail


def _is_full(child: IChild) -> bool:
    if child.wait is not None:
        return child.wait.is_full
    return child.unstored is not None and says_full(child.unstored.detail)


def _retire(child: IChild) -> None:
    """Kill a child, at the cost of the job that it cannot store."""
    if child.wait is None and child.unstored is not None:
        child.note_retired(child.unstored.oid)
    child.kill(
        f"the database has been away for it alone for {LONELY_SECONDS:g} s, at job "
        f"{child.job_id()}: {_problem(child)}"
    )
