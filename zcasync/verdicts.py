"""Verdicts: whether a worker's engine runs, judged by its record and by what this machine knows.

Proof comes from a process: the supervisor of this home answers, or the identity in the incarnation
names a process of this machine.  Without proof only the promise counts, the time within which the
engine said that it would write again.  To see that time pass takes a watcher with a clock of its
own, so a caller that has watched passes a :class:`Watch`.  One that looks only once gets a hint,
the ping's time against this machine's clock.  Clocks differ: nobody may be buried by a hint.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from zcasync import clock
from zcasync.incarnation import Incarnation

#: An engine is dead when its promise has passed and a quarter of it again ...
PROMISE_FACTOR = 1.25
#: ... seen in at least so many looks.
LOOKS = 3


class Verdict(StrEnum):
    """What is to be thought of a worker's engine."""

    RUNNING = "running"  # proved alive
    STOPPED = "stopped"  # clean: no engine
    GHOST = "ghost"  # the engine's process is provably gone
    SILENT = "silent"  # elsewhere, or no proof either way; its promise has not run out
    DEAD = "dead"  # its promise has run out
    USURPED = "usurped"  # alive, but the record names another engine


#: The verdicts on stale engines: their claims wait for somebody to take them over.
STALE = frozenset({Verdict.GHOST, Verdict.DEAD})


@dataclass(frozen=True)
class Sighting:
    """What is known of the supervisor of the home that a worker belongs to.

    ``engine``: the engine that it says it runs; None when it does not say.  ``holds_home``: whether
    its process lives; None when that cannot be known from here.
    """

    engine: uuid.UUID | None = None
    pid: int | None = None
    holds_home: bool | None = False


@dataclass(frozen=True)
class Watch:
    """What a watcher saw of a ping's record, by its own monotonic clock.

    ``unchanged``: seconds since it saw the record's serial change last, or since its first look;
    ``has_changed``: whether it saw it change at all.
    """

    looks: int
    unchanged: float
    has_changed: bool


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason, in words for people; ``since``: when the engine was last known."""

    verdict: Verdict
    reason: str
    since: datetime | None = None
    host: str | None = None
    pid: int | None = None


def judge(worker: Any, sighting: Sighting | None = None, watch: Watch | None = None) -> Judgement:
    """The verdict on a worker's engine.

    ``sighting`` for the worker of a home that this process can look at, None for any other.
    """
    named = worker.engineUUID
    if sighting is not None and sighting.engine is not None:
        if sighting.engine == named:
            reason = f"process {sighting.pid} answers on the control socket of this home"
            return _of(worker, Verdict.RUNNING, reason)
        return _usurped(worker, f"process {sighting.pid}", sighting.engine, sighting.pid)
    incarnation = worker.incarnation
    is_named = incarnation is not None and incarnation.engineUUID == named
    if incarnation is not None and not is_named and _lives(incarnation):
        who = f"process {incarnation.identity.pid}"
        return _usurped(worker, who, incarnation.engineUUID, incarnation.identity.pid)
    if named is None:
        return _of(worker, Verdict.STOPPED, _how_it_ended(incarnation))
    if is_named:
        return _judge_incarnation(worker, incarnation, watch)
    if sighting is not None and sighting.holds_home is False:
        reason = "no supervisor runs for this home, and no process is known to be this engine"
        return _of(worker, Verdict.GHOST, reason)
    return _judge_promise(worker, watch, f"no process is known to be engine {named}")


def _judge_incarnation(worker: Any, incarnation: Incarnation, watch: Watch | None) -> Judgement:
    """The verdict on an engine whose incarnation is there."""
    identity = incarnation.identity
    who = f"process {identity.pid} on {identity.host}"
    if incarnation.is_over:
        reason = f"it was ended ({incarnation.end_reason}), but the worker's record still names it"
        return _of(worker, Verdict.GHOST, reason, incarnation)
    alive = identity.is_alive()
    if alive:
        began = f", begun {span(_age(incarnation.started))} ago"
        return _of(worker, Verdict.RUNNING, f"{who} lives{began}", incarnation)
    if alive is False:
        return _of(worker, Verdict.GHOST, f"{who} is gone and did not say so", incarnation)
    return _judge_promise(worker, watch, f"{who} cannot be seen from here", incarnation)


def _judge_promise(
    worker: Any, watch: Watch | None, why: str, incarnation: Incarnation | None = None
) -> Judgement:
    """The verdict on an engine of whose process nothing is known."""
    ping = worker.ping
    # An engine that has just begun has not promised anything yet.
    promise = max(ping.promise, worker.ping_interval + worker.ping_death_interval)
    limit = PROMISE_FACTOR * promise
    if watch is not None:
        seen = f"has not written for {span(watch.unchanged)} while we watched"
        if watch.has_changed and watch.unchanged < limit:
            verdict, seen = Verdict.RUNNING, "has written while we watched"
        elif watch.looks >= LOOKS and watch.unchanged >= limit:
            verdict = Verdict.DEAD
        else:
            verdict = Verdict.SILENT
    elif ping.at is None:
        verdict, seen = Verdict.DEAD, "has never written"
    else:
        seen = f"wrote {span(_age(ping.at))} ago by its own clock"
        verdict = Verdict.DEAD if _age(ping.at) > limit else Verdict.SILENT
    reason = f"{why}; it was to write within {span(promise)} and {seen}"
    return _of(worker, verdict, reason, incarnation)


def _usurped(worker: Any, who: str, engine: uuid.UUID, pid: int | None) -> Judgement:
    named = "none" if worker.engineUUID is None else str(worker.engineUUID)
    reason = f"{who} lives and runs engine {engine}, but the worker's record names {named}"
    incarnation = worker.incarnation
    host = None if incarnation is None else incarnation.identity.host
    return Judgement(Verdict.USURPED, reason, worker.last_ping, host, pid)


def _how_it_ended(incarnation: Incarnation | None) -> str:
    if incarnation is None:
        return "no supervisor has served it yet"
    if incarnation.ended is None:
        return "its record names no engine, though the last one did not say that it ended"
    return f"the last engine ended {span(_age(incarnation.ended))} ago: {incarnation.end_reason}"


def _of(
    worker: Any, verdict: Verdict, reason: str, incarnation: Incarnation | None = None
) -> Judgement:
    found = incarnation or (worker.incarnation if verdict == Verdict.RUNNING else None)
    host, pid = (None, None) if found is None else (found.identity.host, found.identity.pid)
    since = worker.last_ping
    if since is None and found is not None:
        since = clock.to_datetime(found.started)
    return Judgement(verdict, reason, since, host, pid)


def _lives(incarnation: Incarnation) -> bool:
    return not incarnation.is_over and incarnation.identity.is_alive() is True


def _age(moment: int) -> float:
    return (clock.now() - moment) / 1e6


#: Units of time for people: name, seconds, and up to how many of them it is used.
UNITS = (
    ("ms", 0.001, 999.5),
    ("s", 1, 99.5),
    ("min", 60, 99.5),
    ("h", 3600, 47.5),
    ("days", 86400, 1e9),
)


def span(seconds: float) -> str:
    """A duration for people: ``0.4 ms``, ``12 s``, ``3 min``, ``5 h``, ``4 days``."""
    size = abs(seconds)
    for name, unit, most in UNITS:
        count = size / unit
        if count < most:
            return f"{count:.0f} {name}" if count >= 1 or not count else f"{count:.1g} {name}"
    return "for ever"
