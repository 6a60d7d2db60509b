"""What a child lacks code for is set aside by the pass, and looked for with one job, ever less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.supervisor.poll.scene import DEATH, Scene, completed, ready
from tests.support.sessions import FakeClock
from zcasync import Partial
from zcasync.errors import MissingCallable
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.aside import Missing
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport
from zcasync.supervisor.poll.set_aside import (
    FIRST_SECONDS,
    LAST_SECONDS,
    SETTLED_SECONDS,
    TRUST_SECONDS,
)

MAIL = Missing("mail.send", "no such function here: mail.send")


def lack(scene: Scene, partials: list[Partial], slot: SlotReport | None = None) -> PassResult:
    """The pass that hears that a child has no code for these, and has room for no more."""
    absent = dict.fromkeys((one._p_oid for one in partials), MAIL)
    return scene.run(PassInput(absent=absent), s0=slot or ready())


def set_aside(scene: Scene, count: int = 3) -> list[Partial]:
    """Put, claimed and set aside."""
    partials = scene.put(count)
    scene.run(s0=ready(room=count))
    lack(scene, partials)
    return partials


def test_it_waits_again_with_no_attempt_and_leaves_the_claims(scene: Scene) -> None:
    partials = scene.put(3)
    scene.run(s0=ready(room=3))
    done = lack(scene, partials[:2], ready(in_hand=partials[2:]))

    assert [one.state for one in partials] == [PENDING, PENDING, ACTIVE]
    assert scene.held() == partials[2:]
    assert [one.was_begun for one in partials] == [False] * 3
    [line] = done.log
    assert "is set aside, and so are others like it: no such function here: mail.send" in line


def test_what_is_set_aside_is_not_claimed_again_at_once(scene: Scene) -> None:
    set_aside(scene)

    done = scene.run(s0=ready(room=5))

    assert (done.claimed, scene.held()) == (0, [])


def test_an_engine_that_has_not_looked_takes_one_and_all_once_that_has_not_come_back(
    scene: Scene,
) -> None:
    partials = set_aside(scene)
    scene.renew_passes()
    scene.run(s0=ready(room=5))
    assert scene.held() == partials[:1]
    done = scene.run(s0=ready(room=5, in_hand=partials[:1]))
    assert scene.held() == partials[:1]
    assert done.schedule.delay <= TRUST_SECONDS

    scene.seconds.advance(TRUST_SECONDS)
    scene.run(s0=ready(room=5, in_hand=partials[:1]))

    assert scene.held() == partials


def test_a_job_that_has_ended_shows_that_the_code_is_there(scene: Scene) -> None:
    partials = set_aside(scene)
    scene.renew_passes()
    scene.run(s0=ready(room=5))
    scene.run(s0=completed({partials[0]._p_oid: Completion(1)}, room=5))

    assert scene.held() == partials


def test_it_is_looked_for_ever_more_seldom(scene: Scene) -> None:
    partials = set_aside(scene, 5)
    waits = []
    for _ in range(12):
        waited = 0.0
        while not scene.held():
            scene.seconds.advance(FIRST_SECONDS)
            waited += FIRST_SECONDS
            scene.run(s0=ready(room=5))
        [looker] = scene.held()
        assert lack(scene, [looker]).log == []
        waits.append(waited)

    assert waits[0] == FIRST_SECONDS
    assert waits[-2:] == [LAST_SECONDS] * 2
    assert waits == sorted(waits)
    assert {one.attempts for one in partials} == {0}


def test_after_the_death_of_a_child_it_is_looked_for_soon(scene: Scene) -> None:
    partials = set_aside(scene)
    scene.seconds.advance(FIRST_SECONDS)
    scene.run(s0=ready(room=5))
    lack(scene, partials[:1])
    scene.seconds.advance(FIRST_SECONDS)
    scene.run(s0=ready(room=5))
    assert scene.held() == []
    slot = ready(room=5)
    slot.deaths = [(DEATH, True)]
    scene.run(s0=slot)

    assert len(scene.held()) == 1


def test_a_death_of_who_looks_shows_nothing(scene: Scene) -> None:
    partials = set_aside(scene)
    scene.renew_passes()
    scene.run(s0=ready(room=1))
    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))
    scene.seconds.advance(TRUST_SECONDS)
    scene.run(s0=ready())
    scene.run(s0=ready(room=5))

    assert (partials[0].interruptions, partials[0].state) == (1, ACTIVE)
    assert scene.held() == partials[:1]


def test_after_a_roll_back_it_is_missing_again(scene: Scene) -> None:
    partials = set_aside(scene)
    scene.renew_passes()
    scene.run(s0=ready(room=5))
    scene.seconds.advance(TRUST_SECONDS)
    scene.run(s0=ready(room=5, in_hand=partials[:1]))
    scene.seconds.advance(SETTLED_SECONDS)
    done = lack(scene, partials[1:], ready(in_hand=partials[:1]))

    assert "is set aside" in "".join(done.log)
    scene.run(s0=ready(room=5, in_hand=partials[:1]))
    assert scene.held() == partials[:1]
    scene.seconds.advance(FIRST_SECONDS)
    scene.run(s0=ready(room=5, in_hand=partials[:1]))
    assert len(scene.held()) == 2


def test_what_one_child_has_and_another_one_has_not_is_looked_for_less_often(scene: Scene) -> None:
    partials = set_aside(scene)
    scene.renew_passes()
    waits = []
    for _ in range(6):
        waited = 0.0
        while not scene.held():
            scene.run(s0=ready(room=5))
            scene.seconds.advance(TRUST_SECONDS)
            waited += TRUST_SECONDS
        scene.run(s0=ready(room=5, in_hand=scene.held()))
        lack(scene, partials)
        assert scene.held() == []
        waits.append(waited)

    assert waits == sorted(waits)
    assert waits[-1] <= SETTLED_SECONDS + 2 * TRUST_SECONDS
    assert waits[-1] > 5 * FIRST_SECONDS


def test_at_its_limit_it_ends(scene: Scene, fake_clock: FakeClock) -> None:
    [partial] = set_aside(scene, 1)
    fake_clock.advance(days=8)
    scene.run(s0=ready(room=1))
    assert scene.held() == [partial]
    done = lack(scene, [partial])

    assert partial.result.check(MissingCallable)
    assert "set aside for 8 days" in partial.result.getErrorMessage()
    assert "is ended" in "".join(done.log)
    assert partial.attempts == 0


def test_what_a_pass_has_not_committed_it_hears_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    [partial] = scene.put()
    scene.run(s0=ready(room=1))
    given = PassInput(absent={partial._p_oid: MAIL}, slots={0: ready()})
    with monkeypatch.context() as broken:
        broken.setattr(scene.passes._pings, "ping", lambda at_once: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scene.passes.run(given)
    scene.session.sync()
    assert partial.state == ACTIVE

    done = scene.passes.run(replace(given))

    assert partial.state == PENDING
    assert "is set aside" in "".join(done.log)


def test_a_child_that_dies_after_it_has_said_so_interrupts_nothing(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    slot = SlotReport(deaths=[(DEATH, False)])
    scene.run(PassInput(absent={partials[0]._p_oid: MAIL}), s0=slot)

    assert [one.interruptions for one in partials] == [0, 1]
    assert [one.state for one in partials] == [PENDING] * 2
    assert partials[0].aside is not None


def test_one_that_was_cancelled_meanwhile_ends(scene: Scene) -> None:
    [partial] = scene.put()
    scene.run(s0=ready(room=1))
    oid = partial._p_oid
    done = scene.run(PassInput(absent={oid: MAIL}, cancelled={oid: "anna"}), s0=ready())

    assert partial.result.value.who == "anna"
    assert done.claimed == 0
