"""What becomes of claims that a child or an engine did not bring to an end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ZODB.utils import p64

from tests.support import scenes
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import recover
from zcasync.liveness.takeover import take_over
from zcasync.queues.partial_queue import PartialQueue
from zcasync.retry.stock import INTERRUPTION_LIMIT
from zcasync.zeo.connections import ghost

DEATH = Death(pid=7, signal="SIGKILL", output=("the last", "words"))

Claims = Callable[[int], list[Partial]]


@pytest.fixture
def claims(session: Session) -> Claims:
    """Puts so many partials and claims them."""

    def make(count: int) -> list[Partial]:
        partials = scenes.put(session, count)
        scenes.claim(session, scenes.serve(session), partials)
        return partials

    return make


@pytest.fixture
def log() -> list[str]:
    return []


def states(partials: list[Partial]) -> list[str]:
    return [partial.state for partial in partials]


def interruptions(partials: list[Partial]) -> list[int]:
    return [partial._interruptions for partial in partials]


def test_a_death_interrupts_the_first_job_and_only_releases_the_others(
    session: Session, claims: Claims, log: list[str]
) -> None:
    partials = claims(3)
    recover(partials, DEATH, log)
    session.commit()

    assert states(partials) == [PENDING] * 3
    assert interruptions(partials) == [1, 0, 0]
    assert [partial.attempts for partial in partials] == [1, 0, 0]
    assert session.claim() == partials, "they wait in their old order"
    assert log == [
        f"job {int.from_bytes(partials[0]._p_oid):#x} (builtins.abs) was interrupted (number 1) "
        "and will run again: child process 7 was killed by SIGKILL"
    ]


def test_the_first_unfinished_job_is_interrupted_and_not_the_first_of_the_list(
    claims: Claims, log: list[str]
) -> None:
    partials = claims(3)
    scenes.end(partials[0])
    recover(partials, DEATH, log)

    assert states(partials) == [COMPLETED, PENDING, PENDING]
    assert interruptions(partials) == [0, 1, 0]


def test_the_job_that_the_death_names_is_interrupted_and_not_those_before_it(
    claims: Claims, log: list[str]
) -> None:
    partials = claims(4)
    job = hex_oid(partials[2]._p_oid)
    recover(partials, Death(pid=7, signal="SIGKILL", job=job), log)

    assert states(partials) == [PENDING] * 4
    assert interruptions(partials) == [0, 0, 1, 0]


def test_a_death_that_names_a_finished_job_does_not_say_which_was_interrupted(
    claims: Claims, log: list[str]
) -> None:
    partials = claims(3)
    scenes.end(partials[0])
    job = hex_oid(partials[0]._p_oid)
    recover(partials, Death(pid=7, signal="SIGKILL", job=job), log)

    assert interruptions(partials) == [0, 1, 0]


def test_a_death_interrupts_no_job_that_its_process_did_not_have(
    claims: Claims, log: list[str]
) -> None:
    """Its own one was committed before it died, and the other was claimed meanwhile."""
    own, other = claims(2)
    scenes.end(own)
    death = Death(pid=7, signal="SIGKILL", at_stake=frozenset((own._p_oid,)))
    recover([own, other], death, log)

    assert states([own, other]) == [COMPLETED, PENDING]
    assert interruptions([own, other]) == [0, 0]
    assert log == []


def test_jobs_that_wait_for_a_deferred_are_interrupted_too(claims: Claims, log: list[str]) -> None:
    partials = claims(4)
    partials[0]._started = partials[1]._started = 1
    recover(partials, DEATH, log)

    assert interruptions(partials) == [1, 1, 1, 0]


def test_a_job_that_waits_for_another_partial_is_left_alone(
    session: Session, claims: Claims, log: list[str]
) -> None:
    waiting, following = claims(2)
    waiting.wait_for(session.keep(Partial(abs, 1)))
    recover([waiting, following], DEATH, log)

    assert not waiting.is_unfinished
    assert states([waiting, following]) == [ACTIVE, PENDING]
    assert interruptions([waiting, following]) == [0, 1]


def test_a_recovery_without_a_death_interrupts_nothing(claims: Claims, log: list[str]) -> None:
    partials = claims(2)
    partials[0]._started = 1
    recover(partials, None, log)

    assert states(partials) == [PENDING] * 2
    assert interruptions(partials) == [0, 0]
    assert [partial.claim for partial in partials] == [None, None]
    assert partials[0].started is None
    assert log == []


def test_cancelled_jobs_end_and_name_the_operator(claims: Claims, log: list[str]) -> None:
    partials = claims(3)
    recover(partials, DEATH, log, {partials[0]._p_oid: "jane", partials[2]._p_oid: "joe"})

    assert states(partials) == [COMPLETED, PENDING, COMPLETED]
    assert partials[0].result.check(AbortedError)
    assert partials[0].result.getErrorMessage() == "cancelled by jane"
    assert partials[2].result.getErrorMessage() == "cancelled by joe"
    assert partials[0].result.evidence == DEATH.as_dict()
    assert partials[2].result.evidence == {}, "it was in no child"
    assert interruptions(partials) == [0, 0, 0], "the cancelled one was at work"
    assert len(log) == 2


def test_the_tenth_interruption_ends_a_job_with_the_evidence(
    session: Session, claims: Claims, log: list[str]
) -> None:
    (partial,) = claims(1)
    for number in range(1, INTERRUPTION_LIMIT):
        recover([partial], DEATH, log)
        assert (partial.state, partial._interruptions) == (PENDING, number)
        scenes.claim(session, session.manager.workers.values()[0], [partial])
    recover([partial], DEATH, log)
    session.commit()
    session.connection.cacheMinimize()

    assert partial.state == COMPLETED
    assert partial.attempts == 10
    assert partial.result.check(AbortedError)
    assert partial.result.getErrorMessage() == (
        "interrupted 10 times; the last time: child process 7 was killed by SIGKILL"
    )
    evidence = partial.result.evidence
    assert (evidence["signal"], evidence["pid"]) == ("SIGKILL", 7)
    assert tuple(evidence["output"]) == DEATH.output
    assert "is ended" in log[-1]


def test_a_death_in_a_callback_counts_for_the_callback(claims: Claims, log: list[str]) -> None:
    partial, following = claims(2)
    callback = partial.addCallback(Partial(abs))
    scenes.end(partial, 3)
    recover([partial, following], DEATH, log)

    assert interruptions([partial, callback, following]) == [0, 1, 0]
    assert partial.state == CALLBACKS, "its result is there, the callback is run again"


def test_the_tenth_interruption_of_a_callback_ends_the_callback(
    claims: Claims, log: list[str]
) -> None:
    (partial,) = claims(1)
    callback = partial.addCallback(Partial(abs))
    scenes.end(partial, 3)
    for _ in range(INTERRUPTION_LIMIT):
        recover([partial], DEATH, log)

    assert callback.result.check(AbortedError)
    assert partial.result == 3


def test_a_death_when_only_the_end_has_to_be_written_interrupts_nothing(
    claims: Claims, log: list[str]
) -> None:
    (partial,) = claims(1)
    callback = partial.addCallback(Partial(abs))
    partial._once = True
    scenes.end(partial, 3)
    scenes.end(callback, 3)
    recover([partial], DEATH, log)

    assert (partial.state, partial.result) == (CALLBACKS, 3)
    assert interruptions([partial, callback]) == [0, 0]


def test_two_deaths_before_a_pass_interrupt_a_job_once(claims: Claims, log: list[str]) -> None:
    partials = claims(2)
    recover(partials, DEATH, log)
    recover(partials, DEATH, log)

    assert states(partials) == [PENDING] * 2
    assert interruptions(partials) == [1, 0]


def test_a_job_whose_queue_has_no_record_stops_no_takeover(session: Session) -> None:
    lost, other = scenes.put(session, 2)
    dead = scenes.serve(session)
    scenes.claim(session, dead, [lost, other])
    lost._queue = ghost(session.connection, p64(2**40), PartialQueue)
    session.commit()
    session.connection.cacheMinimize()

    said = take_over(dead, "its process was gone", None, None)[0]
    session.commit()

    assert f"job {hex_oid(lost._p_oid)} was claimed and is set aside" in said
    assert "there is no record 0x10000000000, which it names as its queue" in said
    assert other.state == PENDING
