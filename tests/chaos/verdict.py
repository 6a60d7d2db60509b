"""The verdict: all that has to hold once the torment is over and all jobs are done."""

from __future__ import annotations

from tests.chaos.arena import Arena
from tests.chaos.workload import Workload
from zcasync.testing.waiting import wait_until

CLAIM_SECONDS = 60.0


def judge(ring: Arena, workload: Workload) -> None:
    """Every effect, result and callback exactly once, no claim left, a sound storage; ends all."""
    claims = workload.claims
    wait_until(lambda: not claims(), "no claim to be left", CLAIM_SECONDS, claims)
    problems = workload.problems()
    assert not problems, "\n".join([*problems, ring.evidence()])
    workload.close()
    assert ring.stop() == [0, 0], ring.evidence()
    assert ring.server.problems() == []
