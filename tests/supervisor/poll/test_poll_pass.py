"""Poll passes: retiring, recovering, claiming and pinging in one commit, by the records alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.support import samples, scenes
from tests.support.scenes import ELSEWHERE, Seconds, gone
from tests.support.sessions import ONE, TWO, FakeClock, Session
from zcasync import Partial, clock
from zcasync.errors import AbortedError, FencedError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.liveness.death import Death
from zcasync.liveness.watch import Watch
from zcasync.perform.performer import Performer
from zcasync.perform.progress import Progress, noted
from zcasync.supervisor import registration as startup
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport
from zcasync.supervisor.poll.ping import IDLE_PING_SECONDS
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.retire import RETIRE_SECONDS

DEATH = Death(pid=7, signal="SIGKILL")
Connect = Callable[[], Session]


class Scene:
    """An engine's passes, and a client of the same database."""

    def __init__(self, engine: Session, client: Session, seconds: Seconds) -> None:
        self.session, self.client, self.seconds = engine, client, seconds
        self.worker = scenes.serve(engine)
        scenes.fenced(engine, self.worker)
        self.records = EngineRecords(
            engine.connection, engine.manager, self.worker, self.worker.incarnation
        )
        self.renew_passes()

    def renew_passes(self) -> None:
        """The passes of an engine that has made none yet."""
        environment = Environment(seconds=self.seconds, sleep=self.seconds.sleep)
        self.passes = Passes(self.records, Watch(self.seconds), environment)

    def put(self, count: int = 1) -> list[Partial]:
        """The client puts calls; the partials as the engine sees them."""
        self.client.sync()
        oids = [partial._p_oid for partial in scenes.put(self.client, count)]
        self.session.sync()
        return [self.session.connection.get(oid) for oid in oids]

    def run(self, work: PassInput | None = None, **slots: SlotReport) -> PassResult:
        """A pass over slots s0, s1 ..."""
        work = work or PassInput()
        work.slots.update({int(name[1:]): slot for name, slot in slots.items()})
        return self.passes.run(work)

    def size(self, size: int) -> None:
        self.worker.thread.size = size
        self.session.commit()

    def held(self, slot: int = 0) -> list[Partial]:
        return list(self.worker.thread._lists[slot].items)


@pytest.fixture
def scene(connect: Connect, seconds: Seconds) -> Scene:
    return Scene(connect(), connect(), seconds)


def ready(room: int = 0, in_hand: list[Partial] | None = None) -> SlotReport:
    """A slot whose child can take jobs, and has some."""
    oids = frozenset(partial._p_oid for partial in in_hand or [])
    return SlotReport(ready=True, room=room, outstanding=oids)


def completed(
    oids: dict[bytes, int], room: int = 0, in_hand: list[Partial] | None = None
) -> SlotReport:
    """The same, whose child has said that these are completed, and when."""
    slot = ready(room, in_hand)
    slot.completed = oids
    return slot


def oids(partials: list[Partial]) -> list[bytes]:
    return [partial._p_oid for partial in partials]


# claiming


def test_as_much_is_claimed_as_there_is_room(scene: Scene) -> None:
    partials = scene.put(3)
    done = scene.run(s0=ready(room=2))

    assert (done.claimed, done.hand_out.slots) == (2, {0: oids(partials[:2])})
    assert [partial.state for partial in partials] == [ACTIVE, ACTIVE, PENDING]
    assert all(partial.claim is scene.worker.incarnation for partial in partials[:2])
    scene.client.sync()
    assert len(scene.client.queue) == 1, "it is committed"


def test_jobs_go_to_whoever_has_least_in_hand(scene: Scene) -> None:
    scene.size(2)
    first = scene.put(2)
    scene.run(s0=ready(room=2), s1=ready())
    more = scene.put(4)
    scene.run(s0=ready(room=5, in_hand=first), s1=ready(room=5))

    assert scene.held(0) == [*first, more[2]]
    assert scene.held(1) == [more[0], more[1], more[3]]


def test_dealing_ends_where_the_room_ends(scene: Scene) -> None:
    scene.size(2)
    scene.put(5)
    scene.run(s0=ready(room=1), s1=ready(room=3))

    assert (len(scene.held(0)), len(scene.held(1))) == (1, 3)


def test_a_child_that_is_not_ready_is_handed_nothing(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    assert scene.run(s0=SlotReport()).hand_out.slots == {}
    assert scene.run(s0=ready(in_hand=partials[:1])).hand_out.slots == {0: oids(partials[1:])}


def test_nothing_is_claimed_for_slots_beyond_the_size(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.size(0)
    done = scene.run(s0=ready(room=1))

    assert (done.claimed, done.hand_out.thread_size, partial.state) == (0, 0, PENDING)


def test_reactor_jobs_are_limited_by_those_at_work(scene: Scene) -> None:
    for number in range(6):
        scene.client.manager.reactor.put(Partial(abs, number))
    scene.client.commit()
    scene.worker.reactor.size = 3
    scene.session.commit()
    work = PassInput(reactor=SlotReport(ready=True, outstanding=frozenset([b"a", b"b"])))
    work.reactor.deferred = frozenset([b"b"])
    done = scene.run(work)

    assert len(done.hand_out.reactor) == 2, "the one that waits for its Deferred takes no room"


# retiring


def test_what_is_over_is_retired_into_the_completed(scene: Scene) -> None:
    over, at_work = scene.put(2)
    scene.run(s0=ready(room=2))
    scenes.end(over, 1)
    scene.session.commit()
    scene.run(s0=ready(in_hand=[at_work]))

    assert scene.held() == [at_work]
    assert list(scene.worker.completed) == [over]


def test_what_a_child_has_completed_waits_a_moment_for_more(scene: Scene) -> None:
    over, waits = scene.put(2)
    scene.run(s0=ready(room=1))
    ended = over._due + 5
    done = scene.run(s0=completed({over._p_oid: ended}))

    assert scene.held() == [over]
    assert len(scene.worker.completed) == 0
    assert not done.hand_out.slots, "nobody begins it again"
    assert done.held is not None
    assert done.held.jobs == [], "it is over"
    assert done.unretired == {0: {over._p_oid: ended}}
    assert done.schedule.delay <= RETIRE_SECONDS

    done = scene.run(s0=completed(done.unretired[0], room=1))
    assert scene.held() == [over, waits], "a claim can do without"
    assert done.hand_out.slots == {0: [waits._p_oid]}

    scene.seconds.advance(RETIRE_SECONDS)
    done = scene.run(s0=completed(done.unretired[0], in_hand=[waits]))
    assert scene.held() == [waits]
    assert list(scene.worker.completed) == [over]
    assert not done.unretired


def test_a_job_that_begins_once_does_not_wait_for_what_is_over(scene: Scene) -> None:
    (over,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.client.sync()
    scene.client.manager.thread.put(Partial(abs, 1), retry="never")
    scene.client.commit()
    scene.session.sync()
    done = scene.run(s0=completed({over._p_oid: 1}, room=1))

    assert len(done.hand_out.slots[0]) == 1


def test_the_last_pass_leaves_nothing_to_be_retired(scene: Scene) -> None:
    (over,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.run(PassInput(is_last=True), s0=completed({over._p_oid: 1}))

    assert scene.held() == []
    assert list(scene.worker.completed) == [over]


def test_what_is_over_stays_in_a_slot_that_there_is_no_more_until_it_is_retired(
    scene: Scene,
) -> None:
    (over,) = scene.put()
    scene.size(2)
    scene.run(s0=ready(), s1=ready(room=1))
    scenes.end(over, 1)
    scene.session.commit()
    scene.size(1)
    done = scene.run(s0=ready(), s1=SlotReport(completed={over._p_oid: 1}))

    assert not done.hand_out.slots
    scene.seconds.advance(RETIRE_SECONDS)
    scene.run(s0=ready(), s1=SlotReport(completed=done.unretired[1]))
    assert list(scene.worker.completed) == [over]


def test_what_a_child_still_has_in_hand_is_not_retired(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scenes.end(partial, 1)
    scene.session.commit()
    scene.run(s0=ready(in_hand=[partial]))

    assert scene.held() == [partial]
    assert len(scene.worker.completed) == 0


def test_what_waits_for_another_partial_frees_its_place(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial.wait_for(scene.session.keep(Partial(abs, 1)))
    scene.session.commit()
    scene.run(s0=ready())

    assert (scene.held(), partial.state, len(scene.worker.completed)) == ([], ACTIVE, 0)


@pytest.mark.parametrize("waits", ["in the queue", "for another one"])
def test_callbacks_that_an_application_has_left_are_run_by_a_worker(
    scene: Scene, fake_clock: FakeClock, waits: str
) -> None:
    client = scene.client
    partial = client.queue.put(Partial(abs, -1))
    died, behind = partial.addCallback(samples.interrupt), partial.addCallback(abs)
    client.commit()
    if waits == "for another one":
        scene.run(s0=ready(room=1))
        client.sync()
        partial.wait_for(client.queue.put(abs, fake_clock.later(hours=1)))
        client.commit()
        scene.run(s0=ready())
        client.sync()
    with pytest.raises(KeyboardInterrupt):
        partial.fail()
    assert (partial.state, died.state, behind.state) == (CALLBACKS, PENDING, PENDING)
    waiting = (len(client.queue), client.queue.count_held())
    assert waiting == ((0, 0) if waits == "in the queue" else (1, 1))

    done = scene.run(s0=ready(room=1))
    assert (done.hand_out.slots, scene.held()) == ({}, [])
    fake_clock.advance(seconds=15)
    done = scene.run(s0=ready(room=1))
    assert done.hand_out.slots == {0: [partial._p_oid]}
    own = scene.session.connection.get(partial._p_oid)
    own.callbacks[0]._call = own.callbacks[1]._call  # where it does not die
    scene.session.commit()
    assert Performer().perform_claimed(own, scene.worker.incarnation)
    scene.run(s0=ready(room=1))
    assert (own.state, list(scene.worker.completed), scene.held()) == (COMPLETED, [own], [])
    client.sync()
    assert (len(client.queue), client.queue.count_held()) == waiting


def test_callbacks_that_an_application_has_run_are_no_workers_business(
    scene: Scene, fake_clock: FakeClock
) -> None:
    partial = scene.client.queue.put(Partial(abs, -1))
    partial.addCallback(samples.give_back)
    scene.client.commit()
    partial.fail()
    fake_clock.advance(seconds=15)
    done = scene.run(s0=ready(room=1))

    assert (done.hand_out.slots, done.claimed, scene.held()) == ({}, 0, [])
    scene.client.sync()
    assert (len(scene.client.queue), scene.client.queue.count_held()) == (0, 0)


def test_what_cannot_be_loaded_any_more_keeps_nothing_else_from_being_retired(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = scene.client.queue.put(Partial(abs, scenes.Fickle()))
    scene.client.commit()
    (other,) = scene.put()
    scene.run(s0=ready(room=2))
    scenes.end(other, 1)
    scene.session.commit()
    monkeypatch.setattr(scenes.Fickle, "refuses", True)
    scene.session.connection.cacheMinimize()
    done = scene.run(PassInput(cancelled={strange._p_oid: "somebody"}), s0=ready())

    assert (scene.held(), done.hand_out.slots, list(scene.worker.completed)) == ([], {}, [other])
    assert "is set aside" in "".join(done.log)
    assert [one._p_oid for one in scene.worker.thread.unreadable] == [strange._p_oid]
    assert done.cancelled == [strange._p_oid], "nobody goes on trying"


def test_what_a_child_cannot_load_is_not_given_to_it_again(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    slot = ready(in_hand=partials[1:])
    slot.unreadable = {partials[0]._p_oid: "ValueError: no such thing"}
    done = scene.run(s0=slot)

    assert (scene.held(), done.hand_out.slots) == (partials[1:], {})
    assert "is set aside: ValueError: no such thing" in "".join(done.log)
    assert list(scene.worker.thread.unreadable) == partials[:1]


def test_what_has_callbacks_to_do_is_kept(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial.addCallback(Partial(abs))
    scenes.end(partial, 1)
    scene.session.commit()
    done = scene.run(s0=ready())

    assert scene.held() == [partial]
    assert done.hand_out.slots == {0: oids([partial])}


def test_more_reactor_jobs_than_may_be_at_work_are_left_over_and_take_turns(
    scene: Scene, connect: Connect
) -> None:
    dead = scenes.serve(scene.session, TWO, gone())
    partials = scene.put(7)
    for partial in partials:
        partial.addCallback(Partial(abs))
    scene.session.commit()
    scenes.claim(scene.session, dead, partials)
    for partial in partials:
        scenes.end(partial, 1)
    dead.reactor.lists(1)[0].items, dead.thread._lists[0].items = tuple(partials), ()
    scene.session.commit()

    done = scene.run(PassInput(reactor=SlotReport(ready=True)))
    assert len(scene.worker.reactor) == 7
    assert done.hand_out.reactor == oids(partials[: scene.worker.reactor.size])

    at_work = SlotReport(ready=True, outstanding=frozenset(done.hand_out.reactor[1:]))
    assert len(scene.run(PassInput(reactor=at_work)).hand_out.reactor) == 1


# recovering


def test_a_death_interrupts_the_job_and_frees_the_reserved(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    done = scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert [partial._interruptions for partial in partials] == [1, 0]
    assert [partial.state for partial in partials] == [PENDING] * 2
    assert scene.held() == []
    assert "SIGKILL" in done.log[0]


def test_a_death_at_no_job_interrupts_nothing(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.run(s0=SlotReport(deaths=[(DEATH, True)]))

    assert (partial.state, partial._interruptions) == (PENDING, 0)


def test_what_a_replacement_has_in_hand_already_is_not_taken_from_it(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    slot = ready(in_hand=partials[1:])
    slot.deaths = [(DEATH, False)]
    scene.run(s0=slot)

    assert [partial.state for partial in partials] == [PENDING, ACTIVE]
    assert scene.held() == partials[1:]


def test_what_was_taken_back_waits_again(scene: Scene) -> None:
    partials = scene.put(3)
    scene.run(s0=ready(room=3))
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])
    scene.run(s0=slot)

    assert [partial.state for partial in partials] == [ACTIVE, PENDING, PENDING]
    assert scene.held() == partials[:1]


def test_callbacks_of_a_slot_that_was_given_up_are_run_in_the_first_one(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    scene.run(s0=ready(room=1), s1=ready(room=1))
    for partial in partials:
        partial.addCallback(Partial(abs))
        scenes.end(partial, 3)
    scene.size(1)
    leaving = SlotReport(outstanding=frozenset(oids(partials[1:])))
    assert scene.run(s0=ready(in_hand=partials[:1]), s1=leaving).hand_out.slots == {}

    done = scene.run(s0=ready(in_hand=partials[:1]), s1=SlotReport(deaths=[(DEATH, False)]))
    assert done.hand_out.slots == {0: oids(partials[1:])}
    assert (scene.held(0), scene.held(1)) == (partials, [])


def test_a_freed_job_is_claimed_in_the_same_pass_for_who_has_room(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    scene.run(s0=ready(room=2), s1=ready())
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])
    done = scene.run(s0=slot, s1=ready(room=1))

    assert done.hand_out.slots == {1: oids(partials[1:])}


def put_off(scene: Scene, partial: Partial, seconds: int) -> None:
    """What a child does with a job that is to be tried again later."""
    scene.client.sync()
    found = scene.client.same(partial)
    found._retry_at = clock.now() + seconds * 1_000_000
    scene.client.commit()


def test_a_job_that_was_put_off_leaves_its_worker(scene: Scene, fake_clock: FakeClock) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    put_off(scene, partials[0], 3)
    scene.run(s0=ready(in_hand=partials))
    assert partials[0].state == ACTIVE, "the child has not said that it is done with it"

    done = scene.run(s0=ready(room=1, in_hand=partials[1:]))
    assert (partials[0].state, partials[0].claim, partials[0]._interruptions) == (PENDING, None, 0)
    assert scene.held() == partials[1:]
    assert (done.claimed, done.hand_out.slots, done.schedule.delay) == (0, {}, 3)

    fake_clock.advance(seconds=3)
    assert scene.run(s0=ready(room=1, in_hand=partials[1:])).hand_out.slots == {
        0: oids(partials[:1])
    }


def test_a_job_that_was_put_off_can_be_cancelled(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    put_off(scene, partial, 3)
    done = scene.run(PassInput(cancelled={partial._p_oid: "jane"}), s0=ready())

    assert partial.result.type is AbortedError
    assert done.cancelled == oids([partial])


def test_a_job_that_has_just_begun_to_wait_for_another_one_can_be_cancelled(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.client.sync()
    theirs = scene.client.same(partial)
    theirs.wait_for(scene.client.keep(Partial(abs, 1)))
    scene.client.commit()
    done = scene.run(PassInput(cancelled={partial._p_oid: "jane"}, has_changes=True), s0=ready())
    assert (partial.state, done.cancelled) == (COMPLETED, oids([partial]))
    assert partial.result.check(AbortedError)
    assert (scene.held(), list(scene.worker.completed)) == ([], [partial])


def test_the_callback_of_a_job_that_was_cancelled_before_it_began_is_not_blamed_for_a_death(
    scene: Scene,
) -> None:
    (waiting,) = scene.put()
    scene.client.sync()
    callback = scene.client.same(waiting).addCallbacks(None, abs)
    scene.client.commit()
    scene.run(
        PassInput(cancelled={waiting._p_oid: "jane"}),
        s0=SlotReport(ready=True, deaths=[(DEATH, False)]),
    )

    scene.client.sync()
    assert scene.client.same(waiting).state == CALLBACKS
    assert (callback.state, callback._interruptions) == (PENDING, 0)


@pytest.mark.parametrize("how", ["cancelled", "interrupted", "waits"])
def test_a_callback_that_comes_while_a_pass_ends_its_job_is_not_lost(
    scene: Scene, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass retires what it has ended in the same commit, so it has to know all callbacks."""
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial._interruptions = 9
    if how == "waits":
        partial.wait_for(scene.session.keep(Partial(abs, 1)))
    scene.session.commit()
    look = scene.passes._affinity.begin_pass
    added: list[Partial] = []

    def look_late(manager: object) -> None:
        look(manager)
        assert partial.callbacks == () or added
        if not added:
            scene.client.sync()
            added.append(scene.client.same(partial).addCallback(abs))
            scene.client.commit()

    monkeypatch.setattr(scene.passes._affinity, "begin_pass", look_late)
    cancelled = {} if how == "interrupted" else {partial._p_oid: "jane"}
    deaths = [] if how == "waits" else [(DEATH, False)]
    done = scene.run(PassInput(cancelled=cancelled), s0=SlotReport(ready=True, deaths=deaths))

    assert done.conflicts == 1
    assert (partial.state, partial.result.type) == (CALLBACKS, AbortedError)
    assert (scene.held(), done.hand_out.slots) == ([partial], {0: oids([partial])})


def test_a_cancelled_job_ends_once_its_child_is_gone(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    cancelled = {partial._p_oid: "jane"}
    done = scene.run(PassInput(cancelled=cancelled), s0=ready(in_hand=[partial]))
    assert (partial.state, done.cancelled) == (ACTIVE, [])

    done = scene.run(PassInput(cancelled=cancelled), s0=SlotReport(deaths=[(DEATH, False)]))
    assert partial.result.type is AbortedError
    assert done.cancelled == oids([partial])


@pytest.mark.parametrize("is_there", [True, False])
def test_a_death_counts_once_though_the_commit_about_it_was_in_doubt(
    scene: Scene, is_there: bool
) -> None:
    scene.size(1)
    partials = scene.put(2)
    scene.run(s0=ready(room=1))
    slot = ready(room=2)
    slot.deaths = [(DEATH, False)]
    if is_there:
        scenes.InDoubt(scene.session)
    else:
        scenes.Away(scene.session)
    with pytest.raises(ClientDisconnected):
        scene.run(s0=slot)

    again = scene.run(s0=slot)
    assert [partial._interruptions for partial in partials] == [1, 0]
    assert sorted(again.hand_out.slots[0]) == sorted(oids(partials))

    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))
    assert sorted(partial._interruptions for partial in partials) in ([1, 1], [0, 2])


def test_progress_is_noted_for_jobs_that_run(scene: Scene) -> None:
    running, over = scene.put(2)
    scene.run(s0=ready(room=2))
    scenes.end(over, 1)
    scene.session.commit()
    report = Progress(1, 2, "half", 0)
    scene.run(PassInput(progress={running._p_oid: report, over._p_oid: report}), s0=ready())

    assert noted(running) == report
    assert noted(over) is None


# other engines


def test_an_engine_that_was_buried_may_not_go_on(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.client.sync()
    startup.take_over(scene.client.manager.workers[ONE], "it was silent", None, None)
    scene.client.commit()

    with pytest.raises(FencedError, match="it was silent"):
        scene.run(s0=ready(room=1))
    scene.session.sync()
    assert partial.state == PENDING


def test_an_engine_may_not_go_on_when_the_record_names_another(scene: Scene) -> None:
    scene.client.sync()
    scene.client.manager.workers[ONE].engineUUID = TWO
    scene.client.commit()

    with pytest.raises(FencedError, match=f"names {TWO}"):
        scene.run()


def test_a_dead_engine_is_buried_and_its_work_claimed_in_one_go(scene: Scene) -> None:
    scene.client.sync()
    dead = scenes.serve(scene.client, TWO, gone())
    partials = scenes.put(scene.client)
    scenes.claim(scene.client, dead, partials)
    done = scene.run(s0=ready(room=1))

    assert done.hand_out.slots == {0: oids(partials)}
    assert "is buried: process" in done.log[0]
    scene.client.sync()
    assert (dead.engineUUID, dead.incarnation.is_over) == (None, True)
    assert partials[0]._interruptions == 1


def test_a_silent_engine_is_buried_only_after_its_promise(scene: Scene) -> None:
    scene.client.sync()
    far = scenes.serve(scene.client, TWO, ELSEWHERE)
    while scene.seconds.now < 1050:
        scene.run()
        scene.client.sync()
        assert far.engineUUID is not None
        scene.seconds.advance(5)
    scene.run()
    scene.seconds.advance(5)
    scene.run()
    scene.client.sync()

    assert far.engineUUID is None


# pings and pauses


def pings(scene: Scene, slot: SlotReport, span: float) -> list[float]:
    """When the ping record is written while passes are made every second."""
    found, began, serial = [], scene.seconds.now, b""
    while scene.seconds.now - began < span:
        scene.run(s0=slot)
        scene.worker.ping._p_activate()
        if scene.worker.ping._p_serial != serial:
            serial = scene.worker.ping._p_serial
            found.append(scene.seconds.now - began)
        scene.seconds.advance(1)
    return found


def test_an_engine_that_holds_claims_pings_twice_an_interval(scene: Scene) -> None:
    partials = scene.put()
    scene.run(s0=ready(room=1))
    scene.seconds.advance(30)

    moments = pings(scene, ready(in_hand=partials), 45)
    assert moments == [0, 10, 20, 30, 40]
    assert scene.worker.ping.promise == 40


def test_an_idle_engine_writes_seldom_and_promises_accordingly(scene: Scene) -> None:
    assert pings(scene, ready(), 40) == [0]
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20


def test_a_first_claim_is_a_ping_because_the_promise_gets_shorter(scene: Scene) -> None:
    scene.run(s0=ready())
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20

    scene.put()
    scene.seconds.advance(1)
    scene.run(s0=ready(room=1))
    assert scene.worker.ping.promise == 40


def test_the_next_pass_comes_when_the_next_partial_is_due(scene: Scene, fake_clock: object) -> None:
    assert scene.run(s0=ready(room=1)).schedule.delay == 5
    begin_after = fake_clock.later(seconds=2)
    scene.client.queue.put(Partial(abs, 1), begin_after=begin_after)
    scene.client.commit()

    assert scene.run(s0=ready(room=1)).schedule.delay == 2
    assert scene.run(s0=ready(room=0)).schedule.delay == 5, "there is nobody to run it"


def test_a_put_and_a_change_of_size_write_what_is_watched(scene: Scene) -> None:
    scene.put()
    done, worker = scene.run(s0=ready(room=1)), scene.worker
    watched = done.schedule.watched

    assert {worker._p_oid, worker.thread._size._p_oid, worker.reactor._size._p_oid} <= watched
    pages = {lane.inbox.last._p_oid for lane in scene.session.queue.lanes().values()}
    assert pages <= watched
    assert done.schedule.for_reactor == scene.session.manager.reactor.watched()
    assert not pages & done.schedule.for_reactor


def test_a_conflict_is_tried_again_and_nothing_is_done_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = scene.put()
    writes = iter([True, True, False])
    housekeeping = scene.passes._housekeeping.do

    def do_and_meet(*args: object) -> None:
        housekeeping(*args)
        if next(writes, False):  # somebody is quicker at a record that the pass writes
            scene.client.sync()
            scene.client.manager.workers[ONE].completed._buckets = ()
            scene.client.manager.workers[ONE].ping.write(1.0)
            scene.client.commit()

    monkeypatch.setattr(scene.passes._housekeeping, "do", do_and_meet)
    done = scene.run(s0=ready(room=1))

    assert done.conflicts >= 1
    assert done.hand_out.slots == {0: oids([partial])}
    assert scene.held() == [partial]
    assert partial.state != COMPLETED


def test_a_death_counts_once_when_the_commit_that_noted_it_was_in_doubt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass is made again, and what it claimed after the death is not taken for interrupted."""
    first, second = scene.put(2)
    scene.run(s0=ready(room=2))
    lost = ready(room=2)
    lost.deaths = [(DEATH, False)]
    commit = scene.session.transactions.commit

    def commit_and_lose_the_storage() -> None:
        commit()
        raise ClientDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(scene.session.transactions, "commit", commit_and_lose_the_storage)
        with pytest.raises(ClientDisconnected):
            scene.run(s0=lost)
    again = ready()
    again.deaths = [*lost.deaths, (DEATH, True)]
    done = scene.run(s0=again)

    assert (first._interruptions, second._interruptions) == (1, 0)
    assert [partial.state for partial in (first, second)] == [PENDING] * 2, "of the second death"
    assert done.log == []


@pytest.mark.parametrize("trouble", [ConflictError, ClientDisconnected])
def test_a_ping_that_was_not_committed_is_written_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    """Else a live engine is silent for longer than its record promises, and is buried."""
    commit = scene.session.transactions.commit
    troubles = [trouble]

    def commit_in_trouble() -> None:
        if troubles:
            raise troubles.pop()
        commit()

    scene.seconds.advance(30)
    # Not the commit of the look at the others, which comes before.
    monkeypatch.setattr(scene.passes._peers, "look", list)
    monkeypatch.setattr(scene.session.transactions, "commit", commit_in_trouble)
    with contextlib.suppress(ClientDisconnected):
        scene.run(s0=ready())
    scene.run(s0=ready())
    scene.client.sync()

    assert scene.client.manager.workers[ONE].ping.promise == IDLE_PING_SECONDS + 20


def test_a_pass_need_not_load_again_what_the_one_before_has_looked_at(
    scene: Scene, connect: Connect
) -> None:
    """With a lane for each client there is more of that than a connection keeps by itself."""
    for _ in range(30):
        scenes.put(connect(), 1)
    scene.session.connection._cache.cache_size = 20
    scene.renew_passes()
    scene.run(s0=ready(room=100))
    scene.run(s0=ready(room=100))
    loaded: list[bytes] = []
    view = scene.session.connection._storage
    load = view.load

    def noting(oid: bytes) -> object:
        loaded.append(oid)
        return load(oid)

    view.load = noting
    scene.run(s0=ready(room=100))
    del view.load
    assert loaded == []
