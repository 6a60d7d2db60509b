"""Verdicts on a worker's engine, judged by its record and by what this machine knows.

There is one judge: start-up, an engine that checks its peers, and the command line give it what
they know, so they cannot disagree where they know the same.

Proof comes from a process: the supervisor of this home answers, or the identity in the incarnation
names a process of this machine.  Without proof only the promise counts, the time within which the
engine announced that it would write again.  A watcher knows by its own clock that this time has
passed.  A single sample proves it only where the engine and this process share a clock: in two
containers of one machine, since it was booted.  Elsewhere one sample is no more than a hint, the
ping's time against this machine's clock.  Clocks differ: a hint makes an engine overdue, never
dead.  For a watcher the shared clock is a hint too: while the database was away no engine could
write.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from zcasync import clock
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.watch import Silence, Watch, limit_of, promise_of
from zcasync.text import span
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


class Verdict(StrEnum):
    """The state of a worker's engine, as far as it can be known."""

    RUNNING = "running"  # proved alive
    STOPPED = "stopped"  # clean: no engine
    GHOST = "ghost"  # the engine's process is provably gone
    SILENT = "silent"  # elsewhere, or no proof either way; its promise has not run out
    DEAD = "dead"  # its promise has run out
    USURPED = "usurped"  # alive, but the record names another engine


#: The verdicts on stale engines: their claims are to be taken over.
STALE = frozenset({Verdict.GHOST, Verdict.DEAD})


@dataclass(frozen=True)
class Sighting:
    """The facts, beside the records, about the process that would be a worker's engine.

    ``engine``, ``pid``: what the supervisor of this home reports that it runs, for the worker of
    this home; None without a report.  ``holds_home``: whether that supervisor's process lives; None
    when that cannot be known from here.  ``is_only_home``: no other home can reach the database, so
    a process that does not hold this one is no engine.  ``is_stillborn``: the engine was to begin
    in this process and did not, though its record may be there: the commit was in doubt.
    ``is_of_a_twin``: the engine has this process's identity, which has not begun it: a copy of this
    machine has, and nothing can be seen of that.
    """

    engine: uuid.UUID | None = None
    pid: int | None = None
    holds_home: bool | None = None
    is_only_home: bool = False
    is_stillborn: bool = False
    is_of_a_twin: bool = False


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason, in words for people; ``since``: when the engine was last known.

    ``limit``: after so many seconds of silence the engine is dead, ``remaining``: so many are left;
    None where its process can be examined.  ``overdue``: by its own clock or this machine's a
    silent engine's promise has run out, and only watching can decide.
    """

    verdict: Verdict
    reason: str
    since: datetime | None = None
    host: str | None = None
    pid: int | None = None
    overdue: bool = False
    limit: float | None = None
    remaining: float | None = None


def judge_watched(worker: Worker, watch: Watch) -> Judgement:
    """Return the verdict on a worker's engine after one more sample of the watching process."""
    sighting = Sighting(
        is_only_home=watch.is_only_home,
        is_stillborn=worker.engineUUID in watch.stillborn,
        is_of_a_twin=_is_of_a_twin(worker, watch),
    )
    return judge(worker, sighting, watch.look(worker))


def _is_of_a_twin(worker: Worker, watch: Watch) -> bool:
    """Return whether a process with the identity of this one runs the engine."""
    incarnation = worker.incarnation
    if not watch.begun or incarnation is None or incarnation.engineUUID in watch.begun:
        return False
    return bool(incarnation.identity == ProcessIdentity.here())


def judge(
    worker: Worker, sighting: Sighting | None = None, silence: Silence | None = None
) -> Judgement:
    """Return the verdict on a worker's engine; ``silence``: None for a single sample."""
    sighting = sighting or Sighting()
    named, incarnation = worker.engineUUID, worker.incarnation
    if sighting.engine is not None:
        if sighting.engine == named:
            reason = f"process {sighting.pid} answers on the control socket of this home"
            return _of(worker, Verdict.RUNNING, reason)
        return _usurped(worker, f"process {sighting.pid}", sighting.engine, sighting.pid)
    if incarnation is not None and incarnation.engineUUID == named:
        return _judge_incarnation(worker, incarnation, sighting, silence)
    if incarnation is not None and _lives(worker, incarnation, silence):
        who = f"process {incarnation.identity.pid}"
        return _usurped(worker, who, incarnation.engineUUID, incarnation.identity.pid)
    if named is None:
        return _of(worker, Verdict.STOPPED, _how_it_ended(incarnation))
    if sighting.holds_home is False:
        reason = "no supervisor runs for this home, and no process is known to be this engine"
        return _of(worker, Verdict.GHOST, reason)
    # An engine registers its incarnation and its name on the worker in one commit.
    reason = f"no engine {named} has ever registered: it was written into the record by hand"
    return _of(worker, Verdict.DEAD, reason)


def judge_holder(sighting: Sighting, holder: dict[str, Any]) -> Judgement:
    """Return the verdict on this home's engine by what its last supervisor wrote into the home.

    For a verdict without the database.  ``holder``: see ``zcasync.instance.lock.read``.
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


def _judge_incarnation(
    worker: Worker, incarnation: Incarnation, sighting: Sighting, silence: Silence | None
) -> Judgement:
    """Return the verdict on an engine whose incarnation is there."""
    identity = incarnation.identity
    who = f"process {identity.pid} on {identity.host}"
    alive = None if sighting.is_of_a_twin else identity.is_alive()
    gone = None
    if incarnation.is_over:
        gone = f"it was ended ({incarnation.end_reason}), but the worker's record still names it"
    elif sighting.is_stillborn:
        gone = f"{who} does not run it: the commit was in doubt, or it could not go on"
    elif alive is False:
        gone = f"{who} is gone and did not say so"
    elif alive is None and sighting.is_only_home and not sighting.holds_home:
        gone = f"{who} does not hold the lock of the only home that can reach the database"
    if gone is not None:
        return _of(worker, Verdict.GHOST, gone, incarnation)
    if alive is None:
        return _judge_promise(worker, incarnation, who, silence)
    if silence is not None and _is_frozen(worker, incarnation, silence):
        reason = f"{who} is stopped by a signal; {_promised(worker)} {_shown(silence)}"
        return _of(worker, Verdict.DEAD, reason, incarnation)
    began = f", begun {span(_age(incarnation.started))} ago"
    return _of(worker, Verdict.RUNNING, f"{who} lives{began}", incarnation)


def _lives(worker: Worker, incarnation: Incarnation, silence: Silence | None) -> bool:
    """Return whether the process of an incarnation that has not ended is seen to live."""
    if incarnation.is_over or not incarnation.identity.is_alive():
        return False
    return silence is None or not _is_frozen(worker, incarnation, silence)


def _is_frozen(worker: Worker, incarnation: Incarnation, silence: Silence) -> bool:
    """Return whether a process that exists has been stopped for longer than it may be silent."""
    return silence.is_deadly(limit_of(worker)) and incarnation.identity.is_frozen()


def _judge_promise(
    worker: Worker, incarnation: Incarnation, who: str, silence: Silence | None
) -> Judgement:
    """Return the verdict on an engine whose process cannot be seen."""
    limit = limit_of(worker)
    age, is_shared = _age_of_ping(worker, incarnation)
    if silence is None:
        verdict, seen = _judge_look(age, is_shared, limit)
        remaining = limit
    else:
        verdict, seen = _judge_silence(silence, limit)
        remaining = max(0.0, limit - silence.seconds)
    reason = f"{who} cannot be seen from here; {_promised(worker)} {seen}"
    overdue = verdict == Verdict.SILENT and age is not None and age > limit
    judgement = _of(worker, verdict, reason, incarnation)
    return replace(judgement, overdue=overdue, limit=limit, remaining=remaining)


def _age_of_ping(worker: Worker, incarnation: Incarnation) -> tuple[float | None, bool]:
    """Return how many seconds ago an engine wrote, and whether a shared clock measured that."""
    ping = worker.ping
    if incarnation.identity.is_of_this_boot and ping.monotonic is not None:
        return time.monotonic() - ping.monotonic, True
    return (None if ping.at is None else _age(ping.at)), False


def _judge_look(age: float | None, is_shared: bool, limit: float) -> tuple[Verdict, str]:
    """Return what one sample of a ping of this age proves, and what it shows."""
    if age is None:
        return Verdict.SILENT, "has never written"
    if is_shared:
        verdict = Verdict.DEAD if age > limit else Verdict.SILENT
        return verdict, f"wrote {span(age)} ago by this machine's clock"
    doubt = ", which proves nothing as clocks differ" if age > limit else ""
    return Verdict.SILENT, f"wrote {span(age)} ago by its own clock{doubt}"


def _judge_silence(silence: Silence, limit: float) -> tuple[Verdict, str]:
    """Return what a watcher's samples prove, and what they show."""
    if silence.is_deadly(limit):
        return Verdict.DEAD, _shown(silence)
    if silence.has_changed and silence.seconds <= limit:
        return Verdict.RUNNING, "has written while we watched"
    return Verdict.SILENT, _shown(silence)


def _shown(silence: Silence) -> str:
    return f"has not written for {span(silence.seconds)} while we watched"


def _promised(worker: Worker) -> str:
    return f"it was to write within {span(promise_of(worker))} and"


def _usurped(worker: Worker, who: str, engine: uuid.UUID, pid: int | None) -> Judgement:
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
    worker: Worker, verdict: Verdict, reason: str, incarnation: Incarnation | None = None
) -> Judgement:
    found = incarnation or (worker.incarnation if verdict == Verdict.RUNNING else None)
    host, pid = (None, None) if found is None else (found.identity.host, found.identity.pid)
    since = worker.last_ping
    if since is None and found is not None:
        since = clock.to_datetime(found.started)
    return Judgement(verdict, reason, since, host, pid)


def _age(moment: int) -> float:
    return (clock.now() - moment) / 1e6
