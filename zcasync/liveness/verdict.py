"""Verdicts: whether a worker's engine runs, judged by its record and by what this machine knows.

Proof comes from a process: the supervisor of this home answers, or the identity in the incarnation
names a process of this machine.  Without proof only the promise counts, the time within which the
engine said that it would write again.  One look tells that this time has passed where engine and
looker share a clock: in two containers of one machine, since it was booted.  Elsewhere it takes a
watcher with a clock of its own, so a caller that has watched passes a :class:`Watch`; one look is
good for no more than a hint, the ping's time against this machine's clock.  Clocks differ: a hint
makes an engine overdue, never dead.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from zcasync import clock
from zcasync.text import span
from zcasync.workers.incarnation import Incarnation

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
    """A verdict with its reason, in words for people; ``since``: when the engine was last known.

    ``overdue``: by its own clock and this machine's a silent engine's promise has run out, and only
    watching it can tell; ``limit``: after so many seconds of silence it is dead.
    """

    verdict: Verdict
    reason: str
    since: datetime | None = None
    host: str | None = None
    pid: int | None = None
    overdue: bool = False
    limit: float | None = None


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
    # An engine registers its incarnation and its name on the worker in one commit.
    reason = f"no engine {named} has ever registered: somebody else wrote it into the record"
    return _of(worker, Verdict.DEAD, reason)


def judge_holder(sighting: Sighting, holder: dict[str, Any]) -> Judgement:
    """The verdict on this home's engine by what its last supervisor wrote into the home.

    For a look without the database.  ``holder``: see ``zcasync.instance.lock.read``.
    """
    who = f"process {holder['pid']} on {holder['host']}"
    if sighting.engine is not None:
        verdict = Verdict.RUNNING
        reason = f"process {sighting.pid} answers on the control socket of this home"
    elif sighting.holds_home:
        verdict, reason = Verdict.RUNNING, f"{who} lives"
    elif sighting.holds_home is None:
        verdict, reason = Verdict.SILENT, f"{who} cannot be seen from here"
    elif holder["engine"] == "" and not holder["starting"]:
        verdict, reason = Verdict.STOPPED, "the last engine of this home said that it ended"
    else:
        verdict, reason = Verdict.GHOST, f"{who} is gone and did not say so"
        if holder["starting"]:
            reason += " when it was about to register its engine"
    since = None if holder["since"] is None else datetime.fromisoformat(holder["since"])
    return Judgement(verdict, reason, since, holder["host"], holder["pid"])


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
    return _judge_promise(worker, watch, who, incarnation)


def _judge_promise(
    worker: Any, watch: Watch | None, who: str, incarnation: Incarnation
) -> Judgement:
    """The verdict on an engine whose process cannot be seen."""
    ping = worker.ping
    # An engine that has just begun has not promised anything yet.
    promise = max(ping.promise, worker.ping_interval + worker.ping_death_interval)
    limit = PROMISE_FACTOR * promise
    overdue = False
    quiet = None
    if incarnation.identity.is_of_this_boot and ping.monotonic is not None:
        quiet = time.monotonic() - ping.monotonic
    if watch is not None and (quiet is None or quiet <= limit):
        verdict, seen = _watched(watch, limit)
    elif quiet is not None:
        verdict = Verdict.DEAD if quiet > limit else Verdict.SILENT
        seen = f"wrote {span(quiet)} ago by this machine's clock"
    else:
        verdict, seen = Verdict.SILENT, "has never written"
        if ping.at is not None:
            overdue = _age(ping.at) > limit
            seen = f"wrote {span(_age(ping.at))} ago by its own clock"
            seen += ", which proves nothing as clocks differ" if overdue else ""
    reason = f"{who} cannot be seen from here; it was to write within {span(promise)} and {seen}"
    judgement = _of(worker, verdict, reason, incarnation)
    return replace(judgement, overdue=overdue, limit=limit)


def _watched(watch: Watch, limit: float) -> tuple[Verdict, str]:
    """What a watcher may conclude."""
    if watch.has_changed and watch.unchanged < limit:
        return Verdict.RUNNING, "has written while we watched"
    seen = f"has not written for {span(watch.unchanged)} while we watched"
    if watch.looks >= LOOKS and watch.unchanged >= limit:
        return Verdict.DEAD, seen
    return Verdict.SILENT, seen


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
