"""Processes that add callbacks to, complete, fail and read the same partials, in every order.

A partial ``outer`` may return another one, ``inner``; each is claimed and has a performer that may
die at any moment and is replaced.  Clients add callbacks, to callbacks too, and make partials fail.
Whatever the order: in the end all is COMPLETED, and every callback has been run exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from persistent import Persistent
from twisted.python.failure import Failure
from ZODB.DemoStorage import DemoStorage
from ZODB.POSException import ConflictError

from tests.support.actors import Actor, stop_here
from tests.support.fixtures import with_manager
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.database.missing_classes import make_database
from zcasync.errors import BadStateError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.callback_pages import PAGE_SIZE
from zcasync.job.completion import is_done
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import recover
from zcasync.perform.performer import Performer
from zcasync.retry.attempts import Timing
from zcasync.retry.stock import INTERRUPTION_LIMIT
from zcasync.workers.incarnation import Incarnation

FORTH = [PENDING, ACTIVE, CALLBACKS, COMPLETED]
NAMES = ["outer", "inner"]
names = st.sampled_from(NAMES)
END = "end"
places = st.sampled_from(["begin", "in the call", "commit", "committed", END])
#: These tests are about results, not about patience.
NO_PAUSE = Timing(sleep=lambda seconds: None)
#: A performer that has to begin so often will never end.
PERFORMANCES_LIMIT = 30
#: So many clients at once; more only hide what happens between few.
CLIENTS = 2


class Tally(Persistent):
    """Counts the calls whose effect was committed; a call can be interrupted."""

    value = 0

    def count(self, result: Any = None) -> str:
        self.value += 1
        stop_here("in the call")
        return "counted"


def raise_error(tally: Tally) -> None:
    tally.value += 1
    stop_here("in the call")
    raise ValueError("as it was told")


def family(partial: Partial) -> Iterator[tuple[Partial, Partial]]:
    """All callbacks below a partial, each with the partial whose result it is called with."""
    for callback in partial.callbacks:
        yield callback, partial
        yield from family(callback)


class Interleavings(RuleBasedStateMachine):
    """The machine: who moves next."""

    def __init__(self) -> None:
        super().__init__()
        self.db = make_database(DemoStorage(), pool_size=100)
        with_manager(self.db)
        self.reader = Session(self.db)
        self.actors: list[Actor] = []
        self.performers: dict[str, Actor] = {}
        self.seen: dict[bytes, str] = {}
        self.a_client_died = False
        self.kills = 0

    @initialize(
        kind=st.sampled_from(["counts", "raises", "returns inner"]), clients_last=st.booleans()
    )
    def put(self, kind: str, clients_last: bool) -> None:
        """Two partials, both claimed."""
        self.clients_last = clients_last
        session = self.reader
        session.root["tally"] = tally = Tally()
        inner = session.queue.put(tally.count, retry="forever")
        outer = {
            "counts": lambda: Partial(tally.count),
            "raises": lambda: Partial(raise_error, tally),
            "returns inner": lambda: Partial(give, inner),
        }[kind]()
        session.queue.put(outer, retry="forever")
        session.root.update(outer=outer, inner=inner)
        session.root["incarnation"] = Incarnation(ONE, ONE, ProcessIdentity.here())
        session.commit()
        for claimed in session.claim():
            claimed.assign(session.root["incarnation"])
        session.commit()
        self.claimed = set(NAMES)

    # the engine

    @rule(name=names, until=places)
    def perform(self, name: str, until: str) -> None:
        """Let a child perform what is claimed, or what is left of it; the pass looks at the end."""
        if name in self.claimed and name not in self.performers:
            self.performers[name] = self.start(partial(self.work, name))
        if name in self.performers:
            self.go(self.performers[name], until)
            self.retire(name)

    @precondition(lambda self: self.performers)
    @rule(name=names)
    def kill(self, name: str) -> None:
        """End a child; the engine recovers what it was at, and claims it again.

        Not so often that this ends a callback.
        """
        if name not in self.performers or self.kills + 1 == INTERRUPTION_LIMIT:
            return
        self.kills += 1
        actor = self.performers.pop(name)
        self.actors.remove(actor)
        actor.crash()
        session = Session(self.db)
        claimed = session.root[name]
        recover([claimed], Death(pid=1, signal=9), [])
        session.commit()
        if claimed in session.claim():
            claimed.assign(session.root["incarnation"])
        session.commit()
        session.close()
        self.retire(name)

    def retire(self, name: str) -> None:
        """What the pass does with what is in nobody's hands: drop it when it is done."""
        if name in self.claimed and name not in self.performers:
            session = Session(self.db)
            if is_done(session.root[name]):
                self.claimed.remove(name)
            session.close()

    def work(self, name: str, actor: Actor) -> None:
        session = actor.session
        session.sync()
        incarnation = session.root["incarnation"]
        Performer(timing=NO_PAUSE).perform_claimed(session.root[name], incarnation)

    # the clients

    @precondition(lambda self: len(self.clients) < CLIENTS)
    @rule(
        name=names,
        below=st.integers(0, 2),
        both=st.booleans(),
        commits=st.sampled_from([True, True, True, False]),
        until=places,
    )
    def add(self, name: str, below: int, both: bool, commits: bool, until: str) -> None:
        """A client adds a callback to a partial, or to one of its callbacks."""
        self.go(self.start(partial(self.add_callback, name, below, both, commits)), until)

    @precondition(lambda self: len(self.clients) < CLIENTS)
    @rule(name=names, until=places)
    def fail(self, name: str, until: str) -> None:
        """A client makes a partial fail."""
        self.go(self.start(partial(self.make_fail, name)), until)

    @precondition(lambda self: any(self.clients))
    @rule(number=st.integers(0, 7))
    def kill_client(self, number: int) -> None:
        """End a client; what it has not committed is lost."""
        actor = self.clients[number % len(self.clients)]
        actor.crash()
        self.actors.remove(actor)
        self.a_client_died = True

    @property
    def clients(self) -> list[Actor]:
        return [actor for actor in self.actors if actor not in self.performers.values()]

    def add_callback(self, name: str, below: int, both: bool, commits: bool, actor: Actor) -> None:
        session = actor.session
        while True:
            session.sync()
            choice = self.all_below(session, name)
            target = choice[below % len(choice)]
            try:
                if both:
                    target.addCallbacks(Partial(Tally().count), Partial(Tally().count))
                else:
                    target.addCallback(Partial(Tally().count))
                if commits:
                    session.commit()
                return
            except ConflictError:
                session.abort()

    def make_fail(self, name: str, actor: Actor) -> None:
        actor.session.sync()
        try:
            actor.session.root[name].fail()
        except BadStateError:
            assert actor.session.root[name].state in (CALLBACKS, COMPLETED)

    # everybody

    def all_below(self, session: Session, name: str) -> list[Partial]:
        """A partial and its callbacks, and theirs."""
        top = session.root[name]
        return [top, *(callback for callback, _ in family(top))]

    def start(self, program: Any) -> Actor:
        self.actors.append(Actor(self.db, program))
        return self.actors[-1]

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(0, CLIENTS - 1), until=places)
    def go_on(self, number: int, until: str) -> None:
        """A client does something."""
        self.go(self.clients[number % len(self.clients)], until)

    def go(self, actor: Actor, until: str) -> None:
        actor.go_to(until)
        if actor.is_over:
            self.actors.remove(actor)
            for name in NAMES:
                if self.performers.get(name) is actor:
                    del self.performers[name]

    @invariant()
    def states_go_forth(self) -> None:
        """What is over stays over, and has its result."""
        self.reader.sync()
        for name in NAMES:
            for one in self.all_below(self.reader, name):
                before = self.seen.get(one._p_oid, PENDING)
                if before in (CALLBACKS, COMPLETED):
                    assert FORTH.index(one.state) >= FORTH.index(before), f"{one!r} was {before}"
                if one.callable_name != "zcasync.job.callbacks.adopt":
                    assert (one.result is not None) == (one.state in (CALLBACKS, COMPLETED))
                self.seen[one._p_oid] = one.state

    # the end

    def teardown(self) -> None:
        try:
            self.come_to_an_end()
            self.check()
        finally:
            for actor in self.actors:
                if not actor.is_over:
                    actor.crash()
            self.reader.close()
            self.db.close()

    def come_to_an_end(self) -> None:
        """Let everybody finish, and the engine perform until nothing is claimed."""
        for last in (False, True):
            for actor in self.clients if self.clients_last == last else [*self.performers.values()]:
                self.go(actor, END)
            self.serve()
        if self.a_client_died:
            self.resume()

    def serve(self) -> None:
        """Let the engine perform until nothing is claimed."""
        for _ in range(PERFORMANCES_LIMIT):
            for name in sorted(self.claimed):
                self.perform(name, END)
        assert not self.claimed, "the engine finds something to do again and again"

    def resume(self) -> None:
        """A client that runs a callback on a completed partial is alone responsible for it."""
        session = Session(self.db)
        for name in NAMES:
            for one in self.all_below(session, name):
                if one.state == COMPLETED:
                    one.resumeCallbacks()
        session.close()

    def check(self) -> None:
        """Every callback was run exactly once."""
        self.reader.sync()
        for name in NAMES:
            top = self.reader.root[name]
            assert top.state == COMPLETED, repr(top)
            for callback, parent in family(top):
                self.check_callback(callback, parent)

    def check_callback(self, callback: Partial, parent: Partial) -> None:
        assert callback.state == COMPLETED, repr(callback)
        if callback.callable_name == "zcasync.job.callbacks.choose":
            chosen = callback.args[isinstance(parent.result, Failure)]
            assert chosen.state == COMPLETED, repr(chosen)
            counted = [one.callable.__self__.value for one in callback.args]
            assert counted == [int(one is chosen) for one in callback.args]
        elif callback.callable_name != "zcasync.job.callbacks.adopt":
            assert callback.callable.__self__.value == 1, repr(callback)
            assert callback.result == "counted", repr(callback)


def give(partial: Partial) -> Partial:
    stop_here("in the call")
    return partial


@pytest.mark.parametrize("page_size", [PAGE_SIZE, 1])
def test_every_callback_is_run_exactly_once(
    page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the list of callbacks goes on to another page at each one of them."""
    monkeypatch.setattr("zcasync.job.callback_pages.PAGE_SIZE", page_size)
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=200,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
