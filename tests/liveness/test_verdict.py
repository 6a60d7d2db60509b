"""Verdicts: every way in which a worker's record and this machine's knowledge can meet."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from time import monotonic

import pytest

from zcasync import clock
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import Judgement, Sighting, Verdict, Watch, judge, judge_holder
from zcasync.text import span
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

ALIVE = ProcessIdentity.here()
GONE = dataclasses.replace(ALIVE, start_ticks=ALIVE.start_ticks + 1)
ELSEWHERE = dataclasses.replace(ALIVE, host="far", boot_id="of another machine", pid=77)
CONTAINED = dataclasses.replace(ALIVE, pid_namespace="of another container", pid=77)
PROMISE = 40.0  # of a worker with the default intervals
LIMIT = 1.25 * PROMISE


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


@pytest.mark.parametrize("sighting", [None, Sighting(holds_home=None), Sighting(holds_home=True)])
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
    judgement = judge(worker, watch=Watch(looks=2, unchanged=1.0, has_changed=True))
    assert judgement.verdict == Verdict.RUNNING


@pytest.mark.parametrize(
    ("watch", "verdict"),
    [
        (Watch(looks=3, unchanged=LIMIT, has_changed=False), Verdict.DEAD),
        (Watch(looks=9, unchanged=LIMIT, has_changed=True), Verdict.DEAD),
        (Watch(looks=2, unchanged=LIMIT, has_changed=False), Verdict.SILENT),
        (Watch(looks=9, unchanged=LIMIT - 1, has_changed=False), Verdict.SILENT),
    ],
)
def test_a_watcher_needs_three_looks_and_all_the_time(
    time: Clock, watch: Watch, verdict: Verdict
) -> None:
    worker = served(ELSEWHERE)
    time.seconds += 1e6  # a watcher does not care
    assert judge(worker, watch=watch).verdict == verdict


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
        (Sighting(holds_home=None), {}, Verdict.SILENT, "cannot be seen"),
        (Sighting(), {}, Verdict.GHOST, "gone and did not say so"),
        (Sighting(), {"engine": ""}, Verdict.STOPPED, "said that it ended"),
        (Sighting(), {"engine": "", "starting": True}, Verdict.GHOST, "about to register"),
        (Sighting(), {"engine": None, "starting": True}, Verdict.GHOST, "about to register"),
    ],
)
def test_the_files_of_a_home_tell_without_the_database(
    sighting: Sighting, said: dict[str, object], verdict: Verdict, reason: str
) -> None:
    judgement = judge_holder(sighting, holder(**said))
    assert judgement.verdict == verdict
    assert reason in judgement.reason
    assert (judgement.host, judgement.pid) == (GONE.host, GONE.pid)
