"""Verdicts: every way in which a worker's record and this machine's knowledge can meet."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from time import monotonic

import pytest

from zcasync import clock
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import Judgement, Sighting, Verdict, judge, judge_holder
from zcasync.liveness.watch import LEAST_LOOKS, PROMISE_FACTOR, Silence
from zcasync.text import span
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

ALIVE = ProcessIdentity.here()
GONE = dataclasses.replace(ALIVE, start_ticks=ALIVE.start_ticks + 1)
ELSEWHERE = dataclasses.replace(ALIVE, host="far", boot_id="of another machine", pid=77)
CONTAINED = dataclasses.replace(ALIVE, pid_namespace="of another container", pid=77)
PROMISE = 40.0  # of a worker with the default intervals
LIMIT = PROMISE_FACTOR * PROMISE


class Clock:
    """Tells the time that the test says, in seconds."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> int:
        return int(self.seconds * 1e6)


@pytest.fixture
def time() -> Iterator[Clock]:
    told = Clock()
    clock.set_source(told)
    yield told
    clock.set_source(None)


def served(identity: ProcessIdentity) -> Worker:
    """A worker whose engine runs, or ran, as this process."""
    worker = Worker(uuid.uuid4())
    worker.engineUUID = uuid.uuid4()
    worker.incarnation = Incarnation(worker.engineUUID, worker.UUID, identity)
    worker.ping.write(PROMISE)
    return worker


def written_by_hand() -> Worker:
    """A worker whose record names an engine that nobody has ever run."""
    worker = Worker(uuid.uuid4())
    worker.engineUUID = uuid.uuid4()
    return worker


def test_a_worker_that_was_never_served_is_stopped() -> None:
    judgement = judge(Worker(uuid.uuid4()))
    assert judgement == Judgement(Verdict.STOPPED, "no supervisor has served it yet")


def test_an_engine_that_said_goodbye_is_stopped(time: Clock) -> None:
    worker = served(ALIVE)
    worker.engineUUID = None
    worker.incarnation.end("stopped")
    time.seconds += 300
    judgement = judge(worker)
    assert judgement.verdict == Verdict.STOPPED
    assert judgement.reason == "the last engine ended 5 min ago: stopped"


def test_an_engine_whose_process_lives_is_running(time: Clock) -> None:
    worker = served(ALIVE)
    time.seconds += 90
    judgement = judge(worker)
    assert judgement.verdict == Verdict.RUNNING
    assert (judgement.host, judgement.pid) == (ALIVE.host, ALIVE.pid)
    assert judgement.reason == f"process {ALIVE.pid} on {ALIVE.host} lives, begun 90 s ago"


def test_a_process_that_lives_is_running_however_old_its_last_ping_is(time: Clock) -> None:
    worker = served(ALIVE)
    time.seconds += 1e6
    assert judge(worker).verdict == Verdict.RUNNING


def test_an_engine_that_answers_is_running_without_a_look_at_its_process() -> None:
    worker = served(ELSEWHERE)
    judgement = judge(worker, Sighting(worker.engineUUID, 77, True))
    assert judgement.verdict == Verdict.RUNNING
    assert "answers" in judgement.reason


def test_an_engine_whose_process_is_gone_is_a_ghost(time: Clock) -> None:
    worker = served(GONE)
    judgement = judge(worker)
    assert judgement.verdict == Verdict.GHOST
    assert judgement.since == worker.last_ping
    assert f"process {GONE.pid}" in judgement.reason


def test_an_engine_that_was_ended_but_is_still_named_is_a_ghost() -> None:
    worker = served(ALIVE)
    worker.incarnation.end("released by an operator")
    judgement = judge(worker)
    assert judgement.verdict == Verdict.GHOST
    assert "released by an operator" in judgement.reason


def test_an_engine_written_by_hand_is_a_ghost_where_no_supervisor_runs() -> None:
    assert judge(written_by_hand(), Sighting(holds_home=False)).verdict == Verdict.GHOST


def test_an_engine_written_over_one_whose_process_is_gone_is_a_ghost_in_its_home() -> None:
    worker = served(GONE)
    worker.engineUUID = uuid.uuid4()
    assert judge(worker, Sighting(holds_home=False)).verdict == Verdict.GHOST


@pytest.mark.parametrize("sighting", [None, Sighting(), Sighting(holds_home=True)])
def test_an_engine_that_never_registered_is_dead(sighting: Sighting | None) -> None:
    worker = written_by_hand()
    assert judge(worker, sighting).verdict == Verdict.DEAD
    worker.ping.write(PROMISE)  # that was another one
    judgement = judge(worker, sighting)
    assert judgement.verdict == Verdict.DEAD
    assert f"no engine {worker.engineUUID} has ever registered" in judgement.reason


def test_no_two_clocks_make_an_engine_elsewhere_dead(time: Clock) -> None:
    worker = served(ELSEWHERE)
    time.seconds += LIMIT - 1
    judgement = judge(worker)
    assert (judgement.verdict, judgement.overdue) == (Verdict.SILENT, False)
    assert judgement.limit == LIMIT
    assert "process 77 on far cannot be seen from here" in judgement.reason
    assert "was to write within 40 s and wrote 49 s ago" in judgement.reason
    time.seconds += 1e6
    judgement = judge(worker)
    assert (judgement.verdict, judgement.overdue) == (Verdict.SILENT, True)
    assert "proves nothing" in judgement.reason


def test_in_another_container_of_this_machine_the_clock_is_the_same(time: Clock) -> None:
    worker = served(CONTAINED)
    worker.ping.monotonic = monotonic() - LIMIT + 30
    time.seconds += 1e6  # somebody has set the machine's clock
    judgement = judge(worker)
    assert (judgement.verdict, judgement.overdue) == (Verdict.SILENT, False)
    worker.ping.monotonic = monotonic() - LIMIT - 1
    judgement = judge(worker)
    assert judgement.verdict == Verdict.DEAD
    assert "wrote 51 s ago by this machine's clock" in judgement.reason


def test_a_ping_of_before_such_clocks_were_noted_is_a_hint(time: Clock) -> None:
    worker = served(CONTAINED)
    del worker.ping.monotonic
    time.seconds += LIMIT + 1
    judgement = judge(worker)
    assert (judgement.verdict, judgement.overdue) == (Verdict.SILENT, True)


def test_an_engine_that_has_just_begun_has_the_time_of_its_workers_intervals(time: Clock) -> None:
    worker = served(ELSEWHERE)
    worker.ping.write(0.0)  # what a start writes, before the first poll
    assert judge(worker).limit == LIMIT


def test_an_idle_engine_elsewhere_may_be_silent_for_as_long_as_it_promised(time: Clock) -> None:
    worker = served(ELSEWHERE)
    worker.ping.write(620.0)
    time.seconds += 620
    assert not judge(worker).overdue
    assert judge(worker).limit == 775.0


def test_the_supervisor_of_this_home_that_runs_another_engine_is_usurped() -> None:
    worker = served(GONE)
    other = uuid.uuid4()
    judgement = judge(worker, Sighting(other, 99, True))
    assert judgement.verdict == Verdict.USURPED
    assert judgement.pid == 99
    assert str(other) in judgement.reason
    assert str(worker.engineUUID) in judgement.reason


def test_a_supervisor_that_runs_while_the_record_names_no_engine_is_usurped() -> None:
    worker = served(ALIVE)
    engine, worker.engineUUID = worker.engineUUID, None
    assert judge(worker, Sighting(engine, ALIVE.pid, True)).verdict == Verdict.USURPED


@pytest.mark.parametrize("named", [None, uuid.uuid4()])
def test_a_process_that_lives_while_the_record_names_another_engine_is_usurped(
    named: uuid.UUID | None,
) -> None:
    worker = served(ALIVE)
    worker.engineUUID = named
    judgement = judge(worker)
    assert judgement.verdict == Verdict.USURPED
    assert (judgement.host, judgement.pid) == (ALIVE.host, ALIVE.pid)


def test_a_watcher_that_saw_it_write_knows_that_an_engine_elsewhere_runs(time: Clock) -> None:
    worker = served(ELSEWHERE)
    time.seconds += 1e6  # the clocks of the two machines differ by days
    judgement = judge(worker, silence=Silence(looks=2, seconds=1.0, has_changed=True))
    assert judgement.verdict == Verdict.RUNNING


@pytest.mark.parametrize(
    ("silence", "verdict"),
    [
        (Silence(LEAST_LOOKS, LIMIT + 1), Verdict.DEAD),
        (Silence(9, LIMIT + 1, has_changed=True), Verdict.DEAD),
        (Silence(LEAST_LOOKS - 1, LIMIT + 1), Verdict.SILENT),
        (Silence(9, LIMIT), Verdict.SILENT),
        (Silence(9, LIMIT, has_changed=True), Verdict.RUNNING),
    ],
)
def test_a_watcher_needs_three_looks_and_all_the_time(
    time: Clock, silence: Silence, verdict: Verdict
) -> None:
    worker = served(ELSEWHERE)
    time.seconds += 1e6  # a watcher does not care
    judgement = judge(worker, silence=silence)
    assert judgement.verdict == verdict
    assert (judgement.limit, judgement.remaining) == (LIMIT, max(0, LIMIT - silence.seconds))


def test_to_a_watcher_the_clock_of_this_machine_is_a_hint() -> None:
    """While the database was away no engine could write."""
    worker = served(CONTAINED)
    worker.ping.monotonic = monotonic() - LIMIT - 1
    judgement = judge(worker, silence=Silence())
    assert (judgement.verdict, judgement.overdue) == (Verdict.SILENT, True)


class Frozen(ProcessIdentity):
    """This process, as if a signal had stopped it."""

    def is_frozen(self) -> bool:
        return True


FROZEN = Frozen(**dataclasses.asdict(ALIVE))


@pytest.mark.parametrize(
    ("silence", "verdict"),
    [
        (None, Verdict.RUNNING),
        (Silence(9, LIMIT), Verdict.RUNNING),
        (Silence(9, LIMIT + 1), Verdict.DEAD),
    ],
)
def test_a_frozen_process_is_dead_when_it_was_silent_for_too_long(
    silence: Silence | None, verdict: Verdict
) -> None:
    judgement = judge(served(FROZEN), silence=silence)
    assert judgement.verdict == verdict
    assert ("stopped by a signal" in judgement.reason) == (verdict == Verdict.DEAD)
    assert judgement.remaining is None, "it can be looked at"


def test_a_frozen_process_does_not_usurp_for_ever() -> None:
    worker = served(FROZEN)
    worker.engineUUID = uuid.uuid4()
    assert judge(worker, silence=Silence(9, LIMIT)).verdict == Verdict.USURPED
    assert judge(worker, silence=Silence(9, LIMIT + 1)).verdict == Verdict.DEAD


@pytest.mark.parametrize("identity", [ELSEWHERE, CONTAINED])
def test_what_cannot_be_seen_does_not_run_without_the_lock_of_the_only_home(
    identity: ProcessIdentity,
) -> None:
    """From before a boot of this machine, for instance, or from an earlier container."""
    worker = served(identity)
    for holds_home in (None, False):
        judgement = judge(worker, Sighting(holds_home=holds_home, is_only_home=True))
        assert judgement.verdict == Verdict.GHOST
        assert "only home" in judgement.reason
        assert judge(worker, Sighting(holds_home=holds_home)).verdict == Verdict.SILENT
    assert judge(worker, Sighting(holds_home=True, is_only_home=True)).verdict == Verdict.SILENT
    assert judge(served(ALIVE), Sighting(is_only_home=True)).verdict == Verdict.RUNNING


def test_an_engine_of_this_process_that_did_not_begin_is_a_ghost() -> None:
    judgement = judge(served(ALIVE), Sighting(is_stillborn=True))
    assert judgement.verdict == Verdict.GHOST
    assert "in doubt" in judgement.reason


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (0.9999, "1 s"),
        (12.4, "12 s"),
        (-12.4, "12 s"),
        (99.6, "2 min"),
        (3 * 60, "3 min"),
        (99.7 * 60, "2 h"),
        (47 * 3600, "47 h"),
        (4 * 86400, "4 days"),
        (float("inf"), "for ever"),
    ],
)
def test_a_verdict_names_durations_in_words(seconds: float, text: str) -> None:
    assert span(seconds) == text


GONE_FROM_HOME = Sighting(holds_home=False)


def holder(**said: object) -> dict[str, object]:
    """What a supervisor that is gone has written into its home."""
    since = "2026-01-02T03:04:05+00:00"
    told = {"engine": "some", "starting": False, "since": since, **said}
    return {**GONE.as_dict(), **told}


@pytest.mark.parametrize(
    ("sighting", "said", "verdict", "reason"),
    [
        (Sighting(uuid.uuid4(), 5, True), {}, Verdict.RUNNING, "process 5 answers"),
        (Sighting(holds_home=True), {}, Verdict.RUNNING, "lives"),
        (Sighting(), {}, Verdict.SILENT, "cannot be seen"),
        (GONE_FROM_HOME, {}, Verdict.GHOST, "gone and did not say so"),
        (GONE_FROM_HOME, {"engine": ""}, Verdict.STOPPED, "said that it ended"),
        (GONE_FROM_HOME, {"engine": "", "starting": True}, Verdict.GHOST, "about to register"),
        (GONE_FROM_HOME, {"engine": None, "starting": True}, Verdict.GHOST, "about to register"),
    ],
)
def test_the_files_of_a_home_tell_without_the_database(
    sighting: Sighting, said: dict[str, object], verdict: Verdict, reason: str
) -> None:
    judgement = judge_holder(sighting, holder(**said))
    assert judgement.verdict == verdict
    assert reason in judgement.reason
    assert (judgement.host, judgement.pid) == (GONE.host, GONE.pid)
