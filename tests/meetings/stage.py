"""A database in which any two operations of two processes can be made at the same time."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ZODB.DemoStorage import DemoStorage

from tests.support import scenes
from tests.support.fixtures import with_manager
from tests.support.sessions import ONE, THREE, TWO, Session
from zcasync import Partial, clock
from zcasync.database.missing_classes import make_database
from zcasync.interfaces import ACTIVE, CALLBACKS, PENDING
from zcasync.job.completion import is_done
from zcasync.queues.after import wait_behind
from zcasync.queues.client_lane import CLIENT_LANES, ClientLane, own_lane, tally_lane
from zcasync.queues.entering import enter_held
from zcasync.queues.restriction import BROKEN
from zcasync.workers.worker import Worker


class View:
    """The records as one process sees them; it has lanes of its own, which are empty.

    Which of two conflicts a commit fails with does not depend on the keys of lanes by chance.
    """

    def __init__(self, stage: Stage, number: int) -> None:
        self.session = Session(stage.db)
        self._oids = stage.oids
        own, tally = (uuid.UUID(int=2 * number + one).bytes for one in (0, 1))
        lanes = {(self.session.queue._p_oid, 0): ClientLane(own, tally)}
        setattr(self.session.connection, CLIENT_LANES, lanes)
        own_lane(self.session.queue)
        tally_lane(self.session.queue)
        self.session.commit()

    def __getattr__(self, name: str) -> Any:
        return self.session.connection.get(self._oids[name])

    @property
    def queue(self) -> Any:
        """The queue of thread jobs."""
        return self.session.queue

    @property
    def manager(self) -> Any:
        """The data manager."""
        return self.session.manager

    @property
    def claims(self) -> Any:
        """The claims of ``a`` for its first child."""
        return self.a.thread.lists(1)[0]


class Stage:
    """The engines of the workers ``a``, whose process is gone, and ``b``; ``c`` has none.

    ``waiting``, ``failing``, which has a callback, and ``unique``, with the key "key", wait in a
    client's lane, behind one that was pulled; ``odd`` is filed there as broken; ``claimed`` and
    ``finished`` are claimed by ``a``, which has ``over`` once and ``done`` twice among those that
    it has completed.  In the reactor queue ``first`` and ``second`` wait, in lanes of two clients,
    for a quota that has one slot.  ``held`` begins after one that is nowhere.
    """

    def __init__(self) -> None:
        self.db = make_database(DemoStorage())
        with_manager(self.db)
        self.oids: dict[str, bytes] = {}
        # Stays open, because its lane goes with its connection to who opens the next one.
        self._client = Session(self.db)
        self._set_up(self._client)
        self._other_client = Session(self.db)
        self._set_up_quotas()
        self.one, self.two, self.judge = View(self, 1), View(self, 2), View(self, 3)

    def _set_up_quotas(self) -> None:
        self._client.manager.quotas.set("solr", limit=1)
        self._client.commit()
        for name, session in (("first", self._client), ("second", self._other_client)):
            session.sync()
            partial = session.manager.reactor.put(Partial(abs, -1), quota="solr")
            session.commit()
            self.oids[name] = partial._p_oid

    def _set_up(self, session: Session) -> None:
        named: dict[str, Any] = {
            "a": scenes.serve(session, ONE, scenes.gone()),
            "b": scenes.serve(session, TWO),
            "c": Worker(THREE),
        }
        a = named["a"]
        session.manager.workers.add(named["c"])
        [over] = scenes.put(session)
        scenes.claim(session, a, [over])
        scenes.end(over, 1)
        a.thread.remove(over)
        a.completed.add(over)
        session.commit()
        taken = {name: Partial(abs, -1) for name in ("odd", "claimed", "finished")}
        pulled = Partial(abs, -1)
        waiting = {name: Partial(abs, -1) for name in ("waiting", "failing")}
        waiting["failing"].addCallback(abs)
        session.queue.put_many(taken.values())
        session.commit()
        for one in session.claim(3):
            one.assign(a.incarnation)
        taken["odd"].release()
        own_lane(session.queue).file(taken["odd"].due, taken["odd"], BROKEN)
        a.thread.lists(2)[0].items = (taken["claimed"], taken["finished"])
        session.queue.put_many([pulled, *waiting.values()])
        waiting["unique"] = session.queue.put(Partial(abs, -1), unique="key")
        session.commit()
        session.queue.withdraw(pulled)
        session.commit()
        scenes.end(taken["finished"], 1)
        session.commit()
        done = Partial(abs, -1)
        scenes.end(done, 1)
        a.completed.extend([done, done])
        session.commit()
        before, held = Partial(abs, -1), Partial(abs, -1)
        enter_held(waiting["waiting"], [held], {})
        wait_behind(held, [before], collects_failures=False)
        session.commit()
        self._schedule(session)
        named |= {**taken, **waiting, "done": done, "over": over, "held": held}
        self.oids.update({name: one._p_oid for name, one in named.items()})

    def _schedule(self, session: Session) -> None:
        """``beat``, whose tick has come, and one that was declared and has to be planned."""
        schedules, now = session.manager.schedules, clock.now()
        beat = schedules.add("beat", abs, -1, every=3600, overlap="allow")
        schedules.declare("shop", {"declared": {"call": abs, "args": [-1], "every": 3600}})
        session.commit()
        beat.plan(now - 3_610_000_000)
        session.manager.require_agenda().file(beat, now - 10_000_000)
        session.commit()

    def close(self) -> None:
        """Close all."""
        views = (self.one, self.two, self.judge)
        for session in (self._client, self._other_client, *(view.session for view in views)):
            session.close()
        self.db.close()

    def faults(self) -> list[str]:
        """What is wrong with the places of the jobs, and with the counts."""
        self.judge.session.sync()
        return list(self._faults(self.judge))

    def _faults(self, view: View) -> Iterator[str]:
        waiting: Counter[Partial] = Counter(view.queue)
        if len(view.queue) != sum(waiting.values()):
            yield f"the queue counts {len(view.queue)}, and {sum(waiting.values())} wait"
        claimed: Counter[Partial] = Counter()
        if len(view.manager.quotas.holders("solr")) > 1:
            yield "two hold a quota that has one slot"
        for worker in view.manager.workers.values():
            for partial in (*worker.thread, *worker.thread.unreadable):
                claimed[partial] += 1
                if not is_done(partial) and partial.claim is not worker.incarnation:
                    yield f"{partial!r} is held by who may not run it"
        yield from self._schedule_faults(view, waiting)
        for name in ("waiting", "failing", "unique", "odd", "claimed", "finished", "over", "held"):
            partial = getattr(view, name)
            places = (waiting[partial], claimed[partial])
            if name in view.session.root:  # it was discarded without being loaded
                assert places == (0, 0)
                continue
            if places not in _right(partial):
                yield f"{name} {partial!r} waits {places[0]} times and is claimed {places[1]} times"

    def _schedule_faults(self, view: View, waiting: Counter[Partial]) -> Iterator[str]:
        """A tick with two jobs, and what the agenda does not have where a schedule says."""
        ticks = Counter((one.schedule, one.tick) for one in waiting if one.schedule)
        yield from (f"{tick} has {count} jobs" for tick, count in ticks.items() if count > 1)
        agenda = view.manager.require_agenda()
        known = [one for one in agenda.schedules() if one.filed is not None]
        entries = [(one.filed, one.name, one) for one in known]
        if sorted(agenda.due(clock.LAST), key=str) != sorted(entries, key=str):
            yield f"the agenda has {agenda.due(clock.LAST)}, not {entries}"


def _right(partial: Partial) -> set[tuple[int, int]]:
    """How often it may wait, and be claimed."""
    if partial.state == PENDING:
        return {(1, 0)} if partial.queue is not None and not partial.is_held else {(0, 0)}
    if partial.state == ACTIVE and partial.waits_for is None:
        return {(0, 1)}
    if partial.state == CALLBACKS and partial.resume_at is None:
        return {(0, 1)}
    return {(0, 0), (0, 1)}
