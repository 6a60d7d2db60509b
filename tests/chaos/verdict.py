"""The verdict: all that has to hold once the torment is over and all jobs are done."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from ZODB.scripts import fsrefs, fstest

from tests.chaos.arena import Arena
from tests.chaos.workload import Workload
from tests.support.audits import left_findings
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
    assert storage_problems(ring.server.folder / "Data.fs") == ""
    assert left_findings(ring.server.folder) == []


def storage_problems(path: Path) -> str:
    """What ZODB's own checkers say about a file storage that nobody serves."""
    fstest.check(str(path))  # raises
    said = io.StringIO()
    with redirect_stdout(said):
        fsrefs.main(str(path))
    return said.getvalue()
