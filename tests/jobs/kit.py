"""Callables for the tests of the testing kit."""

from __future__ import annotations

from typing import Any


def sleep_an_hour() -> Any:
    """A Deferred that fires in an hour of the reactor that Twisted names."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 3600, lambda: "an hour has passed")
