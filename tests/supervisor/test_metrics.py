"""What poll passes did, in numbers for the status."""

from __future__ import annotations

from zcasync.supervisor.metrics import Tally
from zcasync.supervisor.poll.messages import Done


def test_passes_claims_and_conflicts_are_counted() -> None:
    tally = Tally()
    for done in (Done(claimed=3), Done(conflicts=2), Done(claimed=1, conflicts=1)):
        tally.add(done)

    assert tally.as_dict() == {"passes": 3, "claiming": 2, "claimed": 4, "conflicts": 3}
