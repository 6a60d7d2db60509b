"""What the supervisor does where the system has no thread for a reactor job."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

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
