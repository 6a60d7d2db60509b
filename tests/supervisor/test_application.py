"""The application's set-up in a supervisor: told of while it takes long, closed without waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from zcasync.errors import StartedBeforeError
from zcasync.instance.settings import Settings
from zcasync.supervisor.application import CLOSE_SECONDS, LONG_SECONDS, SupervisorApplication


class Thread:
    """A thread that does nothing yet of what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def close(self) -> None:
        """Do no more."""


def begun() -> tuple[SupervisorApplication, Clock, Thread, list[str]]:
    clock, thread, ready = Clock(), Thread(), list[str]()
    settings = Settings(application="no.matter")
    made = SupervisorApplication(clock, thread, settings, lambda: ready.append("ready"))
    made.allow(Path("/home"), None)
    made.want()
    return made, clock, thread, ready


def test_a_set_up_that_takes_long_is_told_of_until_it_ends() -> None:
    made, clock, thread, ready = begun()
    assert made.waiting_for is None
    clock.advance(LONG_SECONDS)
    assert "the application to be set up" in str(made.waiting_for)
    thread.asked[0].callback(None)

    assert made.waiting_for is None
    assert (made.is_ready, ready) == (True, ["ready"])


def test_one_that_fails_is_tried_again() -> None:
    made, clock, thread, _ = begun()
    thread.asked[0].errback(ValueError("no catalog"))
    assert made.waiting_for is None
    assert "ValueError: no catalog" in str(made.backoff.problem)
    assert "restart" not in str(made.backoff.problem)
    clock.advance(made.backoff.wait)

    assert len(thread.asked) == 2


def test_one_that_cannot_be_made_in_this_process_again_says_what_helps() -> None:
    made, _, thread, _ = begun()
    thread.asked[0].errback(StartedBeforeError("Zope's start has failed before"))

    assert "Zope's start has failed before; restart the supervisor" in str(made.backoff.problem)


def test_a_stop_waits_a_while_for_a_set_up_that_goes_on_and_makes_nobody_ready() -> None:
    made, clock, thread, ready = begun()
    stopped = made.stop()
    clock.advance(CLOSE_SECONDS)
    assert stopped.called
    thread.asked[0].callback(None)

    assert (made.is_ready, ready) == (False, [])
    assert clock.getDelayedCalls() == []
