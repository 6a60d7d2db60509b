"""Every operation that changes queues, lanes, claims and workers, as its process makes it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

from twisted.python.failure import Failure

from tests.meetings.stage import View
from tests.support.sessions import ONE, THREE
from zcasync import Partial, clock
from zcasync.errors import AbortedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.aside import Missing
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.liveness.recovery import quarantine
from zcasync.liveness.takeover import release_all, take_over
from zcasync.queues import forget
from zcasync.queues.client_lane import CLIENT_LANES
from zcasync.queues.discard import discard_unreadable
from zcasync.retry.fault import Unreadable
from zcasync.schedules.due import due_ticks, put_ticks
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

Operation = Callable[[View], None]


class Moot(Exception):
    """There is nothing to do (any more)."""


def require(condition: object) -> None:
    """Raise Moot unless this is still to be done."""
    if not condition:
        raise Moot


def as_engine(view: View, worker: Worker) -> Incarnation:
    """Commit as a process of this worker's engine."""
    incarnation = worker.incarnation
    require(incarnation is not None and not incarnation.is_over)
    assert incarnation is not None
    fence(view.session.connection, incarnation)
    return incarnation


def failure() -> Failure:
    """What an operator ends a job with."""
    return from_exception(AbortedError("cancelled"))


# clients


def put(view: View) -> None:
    view.queue.put(Partial(abs, -1))


def put_first(view: View) -> None:
    """Of a client that has no lane."""
    delattr(view.session.connection, CLIENT_LANES)
    view.queue.put(Partial(abs, -1))


def put_many(view: View) -> None:
    """So many that the client's lane gets a new page."""
    view.queue.put_many([abs] * 600)


def put_unique(view: View) -> None:
    """With a key that nobody has."""
    view.queue.put(Partial(abs, -1), unique="new")


def keep_unique(view: View) -> None:
    """With the key of one that waits, which it joins."""
    require(view.unique.state == PENDING and view.unique.queue is not None)
    view.queue.put(Partial(abs, -1), unique="key")


def replace_unique(view: View) -> None:
    """In the place of one that waits."""
    view.queue.put(Partial(abs, -2), unique="key", if_exists="replace")


def put_after(view: View) -> None:
    """What begins after one that waits."""
    require(not view.failing.has_result)
    view.queue.put(Partial(abs, -1), after=[view.failing])


def end_held(view: View) -> None:
    require(view.held.state == PENDING)
    end(view.held, failure())


def withdraw(view: View) -> None:
    require(view.waiting.state == PENDING and view.waiting.queue is not None)
    view.queue.withdraw(view.waiting)


def forget_passed(view: View) -> None:
    """The client that pulls has passed by what another one has pulled."""
    forget.forget_passed(view.queue)


def select(view: View) -> None:
    require(view.waiting.state == PENDING and view.waiting.queue is not None)
    view.waiting.selectedUUIDs.add(ONE)


def end_waiting(view: View) -> None:
    """A worker has to end what has callbacks."""
    require(view.waiting.state == PENDING and not view.waiting.callbacks)
    end(view.waiting, failure())


def end_with_callbacks(view: View) -> None:
    require(view.failing.state == PENDING)
    end(view.failing, failure(), follows_up=True)


def end_claimed(view: View) -> None:
    """An operator, whose engine is gone."""
    require(view.claimed.is_unfinished)
    end(view.claimed, failure())


def add_callback(view: View) -> None:
    require(view.claimed.is_unfinished)
    view.claimed.addCallback(abs)


def retry(view: View) -> None:
    """Of what its worker has retired."""
    require(view.over.state == COMPLETED and view.over.queue is not None)
    view.over.retry()


def retry_claimed(view: View) -> None:
    """Of what its worker has not retired."""
    require(view.finished.state == COMPLETED and view.finished.queue is not None)
    view.finished.retry()


def discard_waiting(view: View) -> None:
    require(view.waiting.state == PENDING and view.waiting.queue is not None)
    require(not view.waiting.callbacks)  # nobody waits for it
    view.queue.discard([view.waiting])


def discard_over(view: View) -> None:
    require(view.over.state == COMPLETED and view.over.queue is not None)
    view.queue.discard([view.over])


def discard_odd(view: View) -> None:
    """What cannot be loaded."""
    require(discard_unreadable(view.manager, view.odd._p_oid))
    view.session.root["odd"] = "discarded"


def set_size(view: View) -> None:
    view.a.thread.size += 1


def add_worker(view: View) -> None:
    new = uuid.UUID(int=77)
    require(new not in view.manager.workers)
    view.manager.workers.add(Worker(new))


def remove_worker(view: View) -> None:
    require(THREE in view.manager.workers)
    view.manager.workers.remove(view.c)


# engines


def claim(view: View, worker: Worker) -> None:
    incarnation = as_engine(view, worker)
    for partial in view.queue.claim(worker.uuid_bytes, 9, engine=worker.engine_bytes).partials:
        partial.assign(incarnation)
        worker.thread.lists(1)[0].items += (partial,)


def claim_by_a(view: View) -> None:
    claim(view, view.a)


def claim_by_b(view: View) -> None:
    claim(view, view.b)


def claim_with_quota(view: View, worker: Worker, partial: Partial) -> None:
    """From the lane in which it waits."""
    incarnation = as_engine(view, worker)
    require(partial.state == PENDING)
    queue = view.manager.reactor
    claimed = queue.claim(
        worker.uuid_bytes, 1, polite=lambda key, lane: partial in lane.upcoming(1)
    )
    for one in claimed.partials:
        one.assign(incarnation)
        worker.reactor.lists(1)[0].items += (one,)


def quota_by_a(view: View) -> None:
    claim_with_quota(view, view.a, view.first)


def quota_by_b(view: View) -> None:
    claim_with_quota(view, view.b, view.second)


def set_quota(view: View) -> None:
    """An operator changes its limits, to what they were."""
    view.manager.quotas.set("solr", limit=2)
    view.manager.quotas.set("solr", limit=1)


def give_back(view: View) -> None:
    as_engine(view, view.a)
    require(view.claimed in view.claims.items and view.claimed.is_unfinished)
    view.queue.release(view.claimed)
    view.claims.keep(one for one in view.claims.items if one is not view.claimed)


def put_aside(view: View) -> None:
    """What lacks code."""
    as_engine(view, view.a)
    require(view.claimed in view.claims.items and view.claimed.is_unfinished)
    view.queue.put_aside(view.claimed, Missing("gone", "no such function here: gone"), 10**12)
    view.claims.keep(one for one in view.claims.items if one is not view.claimed)


def retire(view: View) -> None:
    as_engine(view, view.a)
    require(view.finished in view.claims.items)
    view.claims.keep(one for one in view.claims.items if one is not view.finished)
    view.finished.rewrite()
    view.a.completed.extend([view.finished])


def move(view: View) -> None:
    """To another child."""
    as_engine(view, view.a)
    require(view.finished in view.claims.items)
    view.claims.keep(one for one in view.claims.items if one is not view.finished)
    view.a.thread.lists(2)[1].items += (view.finished,)


def set_aside(view: View) -> None:
    """What a child cannot load."""
    as_engine(view, view.a)
    require(view.claimed in view.claims.items)
    quarantine(view.claims, [(view.claimed, Unreadable("odd"))], view.a.thread, [])


def drop_lanes(view: View) -> None:
    as_engine(view, view.b)
    view.queue.drop_idle_lanes(list(view.queue.lanes()))


def retry_broken(view: View) -> None:
    view.queue.retry_broken()


def prune(view: View) -> None:
    """What the worker that has no engine has completed."""
    as_engine(view, view.b)
    view.c.completed.prune(timedelta(0))


def ping(view: View) -> None:
    as_engine(view, view.a)
    view.a.ping.write(40.0)


def bury(view: View) -> None:
    incarnation = as_engine(view, view.b)
    require(view.a.engineUUID is not None)
    take_over(view.a, "gone", view.b, incarnation)


def release(view: View) -> None:
    """An operator buries an engine."""
    require(view.a.engineUUID is not None)
    take_over(view.a, "released by an operator", None, None)


def register(view: View) -> None:
    """An engine begins for the worker that has none."""
    worker = view.manager.workers.get(THREE)
    if worker is None:
        worker = Worker(THREE)
        view.manager.workers.add(worker)
    require(worker.engineUUID is None)
    worker.incarnation = Incarnation(uuid.uuid4(), THREE, ProcessIdentity.here())
    worker.engineUUID = worker.incarnation.engineUUID
    worker.ping.write(40.0)


def deregister(view: View) -> None:
    incarnation = as_engine(view, view.a)
    release_all(view.a.thread)
    view.a.engineUUID = None
    incarnation.end("stopped")


def repair_completed(view: View) -> None:
    """An audit has found a job twice among those that a worker has completed."""
    require(list(view.a.completed).count(view.done) > 1)
    view.a.completed.discard(view.done)
    view.a.completed.add(view.done)
    view.a.completed.recount()


# children


def complete(view: View) -> None:
    as_engine(view, view.a)
    require(view.claimed.is_unfinished and view.claimed.state == ACTIVE)
    view.claims.guard.write()
    end(view.claimed, 1, follows_up=True)


def let_begin(view: View) -> None:
    """What another one has waited for has ended."""
    gate = view.held.after_gate
    before = next(gate.all_members())
    require(not gate.is_open)
    gate.member_ended(before, 0, 1, None, None)


def wait_for(view: View) -> None:
    """The job has returned another one."""
    as_engine(view, view.a)
    require(view.claimed.is_unfinished and not view.waiting.has_result)
    view.claims.guard.write()
    view.claimed.wait_for(view.waiting)


def reschedule(view: View) -> None:
    as_engine(view, view.a)
    require(view.claimed.is_unfinished)
    view.claims.guard.write()
    view.claimed.reschedule(clock.now() + 1_000_000)


# schedules


def add_schedule(view: View) -> None:
    """Of a client."""
    require("new" not in view.manager.schedules)
    view.manager.schedules.add("new", abs, -1, every=3600)


def pause_schedule(view: View) -> None:
    """Of one whose tick has come."""
    require("beat" in view.manager.schedules)
    require(not view.manager.schedules["beat"].is_paused)
    view.manager.schedules.pause("beat")


def run_schedule(view: View) -> None:
    require("beat" in view.manager.schedules)
    view.manager.schedules.run_now("beat")


def remove_schedule(view: View) -> None:
    require("beat" in view.manager.schedules)
    view.manager.schedules.remove("beat")


def tick(view: View) -> None:
    """An engine puts the job of what is due."""
    as_engine(view, view.b)
    agenda = view.manager.require_agenda()
    due = [one for _, _, one in agenda.due(clock.now()) if one.filed]
    require(due)
    for schedule in due:
        found = due_ticks(schedule, schedule.filed or 0, clock.now(), 100)
        put_ticks(view.queue, schedule, found)
        agenda.file(schedule, found.next)


def change_schedule(view: View) -> None:
    """The code declares another interval."""
    require("declared" in view.manager.schedules)
    wanted = {"declared": {"call": abs, "args": [-1], "every": 7200}}
    done = view.manager.schedules.declare("shop", wanted)
    require(done != {"declared": "unchanged"})


OPERATIONS: dict[str, Operation] = {
    one.__name__: one
    for one in (
        put, put_first, put_many, withdraw, select, end_waiting, end_with_callbacks, end_claimed,
        add_callback, set_size, add_worker, remove_worker, claim_by_a, claim_by_b, give_back,
        retire, move, set_aside, drop_lanes, retry_broken, prune, ping, bury, release, register,
        deregister, repair_completed, complete, wait_for, reschedule, retry, retry_claimed,
        discard_waiting, discard_over, discard_odd, forget_passed, put_aside, put_unique,
        keep_unique, replace_unique, quota_by_a, quota_by_b, set_quota,
        put_after, let_begin, end_held,
        add_schedule, pause_schedule, run_schedule, remove_schedule, tick, change_schedule,
    )
}  # fmt: skip
