"""What poll passes did, in numbers for the status."""

from __future__ import annotations

from zcasync.supervisor.metrics import PassMetrics
from zcasync.supervisor.poll.messages import PassResult


def test_passes_claims_and_conflicts_are_counted() -> None:
    tally = PassMetrics()
    for done in (
        PassResult(claimed=3),
        PassResult(conflicts=2),
        PassResult(claimed=1, conflicts=1),
    ):
        tally.add(done)

    assert tally.as_dict() == {"passes": 3, "claiming": 2, "claimed": 4, "conflicts": 3}
