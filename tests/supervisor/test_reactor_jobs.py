"""What the supervisor does where the system has no thread for a reactor job."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from tests.support.scenes import Said
from zcasync.supervisor.reactor_jobs import THREAD_SECONDS, ReactorJobs

OID = b"12345678"


def test_a_job_for_which_there_is_no_thread_begins_when_there_is_one() -> None:
    begun: list[bytes] = []
    is_short = True

    def start(work: Any, oid: bytes, do: Any) -> None:
        if is_short:
            raise RuntimeError("can't start new thread")
        begun.append(oid)

    clock = Clock()
    reactor_jobs = ReactorJobs(clock, None, b"", lambda oid: None, threads=start)
    reactor_jobs.start(OID)
    clock.advance(THREAD_SECONDS)
    assert (begun, reactor_jobs.running) == ([], {OID})
    is_short = False
    clock.advance(THREAD_SECONDS)
    assert begun == [OID]


def test_a_stop_leaves_jobs_at_the_end_of_its_grace_period_and_names_them(said: Said) -> None:
    clock, over = Clock(), []
    reactor_jobs = ReactorJobs(clock, None, b"", lambda oid: None, threads=lambda *work: None)
    reactor_jobs.start(OID)
    reactor_jobs.stop(25.0).addCallback(over.append)
    reactor_jobs.hurry(3.0)
    clock.advance(2.5)
    assert over == []
    clock.advance(0.5)
    assert over == [None]
    (line,) = said.about("left")
    assert line == "reactor job 0x3132333435363738 left: the grace period was shortened to 3 s"
    assert clock.getDelayedCalls() == []
