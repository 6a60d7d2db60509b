"""Watched engines: which are dead, by proof on this machine, by their silence elsewhere."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.scenes import ELSEWHERE, Seconds, gone, serve
from tests.support.sessions import ONE, Connect, Session
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import STALE, Judgement, Verdict, judge_watched
from zcasync.liveness.watch import LEAST_LOOKS, LONGEST_STEP_SECONDS, PROMISE_FACTOR, Silence, Watch
from zcasync.testing.waiting import wait_until
from zcasync.workers.worker import Worker

PROMISE = 40.0
DEATH_SECONDS = PROMISE_FACTOR * PROMISE
STEP = 5.0


class Watched:
    """An engine in one session, and in another one somebody who watches it."""

    def __init__(self, owner: Session, watcher: Session, seconds: Seconds) -> None:
        self._owner, self._watcher, self._seconds = owner, watcher, seconds
        self.watch = Watch(seconds)

    def serve(self, identity: ProcessIdentity) -> None:
        self.mine = serve(self._owner, ONE, identity, PROMISE)

    def ping(self) -> None:
        self.mine.ping.write(PROMISE)
        self._owner.commit()

    def commit(self) -> None:
        self._owner.commit()

    @property
    def seen(self) -> Worker:
        """The worker as the watcher sees it now."""
        self._watcher.sync()
        return self._watcher.manager.workers[ONE]

    def judge(self, after: float = 0.0) -> Judgement:
        """The verdict after one more look."""
        self._seconds.advance(after)
        return judge_watched(self.seen, self.watch)

    def look(self, after: float = 0.0) -> str | None:
        """Why it is dead; None: it is not."""
        judgement = self.judge(after)
        return judgement.reason if judgement.verdict in STALE else None

    def silent_for(self, seconds: float) -> str | None:
        """Look every few seconds for so long; what the last look says."""
        why = self.look()
        for _ in range(int(seconds / STEP)):
            assert why is None
            why = self.look(STEP)
        return why


@pytest.fixture
def watched(connect: Connect, seconds: Seconds) -> Watched:
    return Watched(connect(), connect(), seconds)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    with subprocess.Popen(["sleep", "60"]) as made:
        yield made
        made.kill()


def test_silence_for_longer_than_the_promise_and_a_margin_is_death(watched: Watched) -> None:
    watched.serve(ELSEWHERE)

    assert watched.silent_for(DEATH_SECONDS) is None
    assert watched.look(STEP) == (
        "process 7 on far cannot be seen from here; it was to write within 40 s and has not "
        "written for 55 s while we watched"
    )


def test_every_ping_begins_the_silence_anew(watched: Watched) -> None:
    watched.serve(ELSEWHERE)
    for _ in range(3):
        assert watched.silent_for(DEATH_SECONDS) is None
        watched.ping()

    assert watched.silent_for(DEATH_SECONDS) is None
    assert watched.look(STEP)


def test_the_clock_of_the_watched_one_means_nothing(watched: Watched) -> None:
    """Only that its record is written counts, not which time is in it."""
    watched.serve(ELSEWHERE)
    assert watched.silent_for(DEATH_SECONDS) is None
    watched.mine.ping.at = 0
    watched.commit()

    assert watched.look(STEP) is None


def test_a_longer_promise_is_believed(watched: Watched) -> None:
    watched.serve(ELSEWHERE)
    watched.mine.ping.promise = 620.0
    watched.commit()

    assert watched.silent_for(620.0) is None
    assert watched.judge().remaining == pytest.approx(PROMISE_FACTOR * 620 - 620)


def test_time_in_which_the_watcher_was_frozen_does_not_count(watched: Watched) -> None:
    watched.serve(ELSEWHERE)
    watched.look()

    judgement = watched.judge(after=100_000)
    assert judgement.verdict == Verdict.SILENT
    assert judgement.remaining == DEATH_SECONDS - LONGEST_STEP_SECONDS


def test_a_few_looks_are_not_enough_however_short_the_promise(watched: Watched) -> None:
    watched.serve(ELSEWHERE)
    watched.mine.ping.promise = 1.0
    watched.commit()
    answers = [watched.look(STEP) for _ in range(LEAST_LOOKS)]

    assert answers[:-1] == [None] * (LEAST_LOOKS - 1)
    assert answers[-1]


def test_the_remaining_time_is_the_whole_promise_before_the_first_look(watched: Watched) -> None:
    watched.serve(ELSEWHERE)

    assert watched.judge().remaining == DEATH_SECONDS


def test_a_watch_says_how_long_and_whether_a_ping_was_written(
    watched: Watched, seconds: Seconds
) -> None:
    watched.serve(ELSEWHERE)

    def look() -> Silence | None:
        seconds.advance(STEP)
        return watched.watch.look(watched.seen)

    assert [look(), look()] == [Silence(1, 0.0), Silence(2, STEP)]
    watched.ping()
    assert [look(), look()] == [Silence(1, 0.0, True), Silence(2, STEP, True)]
    watched.mine.engineUUID = None
    watched.commit()
    assert look() is None


def test_a_process_of_this_machine_that_is_gone_is_dead_at_the_first_look(
    watched: Watched,
) -> None:
    watched.serve(gone())

    who = f"process {gone().pid} on {gone().host}"
    assert watched.look() == f"{who} is gone and did not say so"


def test_a_process_of_this_machine_that_runs_lives_however_silent(watched: Watched) -> None:
    watched.serve(ProcessIdentity.here())

    assert watched.silent_for(10 * DEATH_SECONDS) is None


def test_a_frozen_process_of_this_machine_dies_of_its_silence_only(
    watched: Watched, process: subprocess.Popen[bytes]
) -> None:
    identity = ProcessIdentity.of(process.pid)
    watched.serve(identity)
    process.send_signal(signal.SIGSTOP)
    wait_until(identity.is_frozen, "the process to be frozen")

    assert watched.silent_for(DEATH_SECONDS) is None
    assert watched.look(STEP)


def test_a_worker_without_an_engine_is_not_dead(watched: Watched) -> None:
    watched.serve(gone())
    watched.mine.engineUUID = None
    watched.commit()

    assert watched.look() is None


def test_an_engine_without_an_incarnation_is_dead_at_the_first_look(watched: Watched) -> None:
    """None that lives can be without one: both are written in one commit."""
    watched.serve(ELSEWHERE)
    watched.mine.incarnation = None
    watched.commit()

    assert "has ever registered" in (watched.look() or "")


def test_a_watcher_alone_with_a_database_does_not_wait_for_an_engine_of_an_earlier_boot(
    connect: Connect,
) -> None:
    session = connect()
    worker = serve(session, ONE, ELSEWHERE, PROMISE)
    assert judge_watched(worker, Watch(is_only_home=True)).verdict == Verdict.GHOST
    assert judge_watched(worker, Watch()).verdict == Verdict.SILENT
    here = serve(session, ONE, ProcessIdentity.here(), PROMISE)
    assert judge_watched(here, Watch(is_only_home=True)).verdict == Verdict.RUNNING
