"""The rule that says what has limited a load."""

from __future__ import annotations

from typing import Any

import pytest

from zcasync.load.figures import Figures
from zcasync.load.limits import is_kept, limits
from zcasync.load.outcomes import Outcomes, Put
from zcasync.load.watch import Seen

SECOND = 1_000_000


def figures(
    late: float = 0.001, put: float = 0.005, start: float = 0.01, jobs: int = 100, **seen: Any
) -> Figures:
    """Those of a load of a hundred puts in a second; times in seconds."""
    found = Figures(rate=100, clients=4, processes=2, seconds=1.0)
    outcomes = Outcomes(completed=jobs, first=0, last=SECOND)
    for _ in range(100):
        found.late.add(late * SECOND)
        found.put.add((late + put) * SECOND)
        outcomes.start.add(start * SECOND)
    found.outcomes = outcomes
    there = {"children": 2.0, "busy": 0.1, "processors": {}, "cores": 8}
    there |= {"passes": 10, "claimed": 100, "conflicts": 0}
    found.seen = Seen(**there | seen)
    return found


def test_a_rate_that_was_kept_has_no_limit() -> None:
    found = figures(busy=0.99, processors={"server": 0.99, "supervisor": 0.99})
    assert is_kept(found)
    assert limits(found) == []


@pytest.mark.parametrize(
    ("found", "what", "told"),
    [
        (figures(late=2, processors={"clients": 1.9}), "clients", "--processes"),
        (figures(late=2, put=0.04), "clients", "--clients"),
        (figures(start=3, busy=0.97), "children", "97 % of the 2 children"),
        (figures(start=3, processors={"supervisor": 0.9}), "supervisor", "90 % of a core"),
        (figures(late=2, put=0.04, processors={"server": 0.95}), "storage", "95 % of a core"),
        (figures(start=3, processors={"all": 7.5}), "processors", "7.5 of the 8 cores"),
        (figures(start=3), "storage", "waits for the storage's disk"),
        (figures(start=3, busy=None, children=None), "storage", "waits for the storage's disk"),
        (figures(jobs=0, start=9), "workers", "no job has ended"),
    ],
)
def test_a_rate_that_was_not_kept_has_a_limit_with_its_reason(
    found: Figures, what: str, told: str
) -> None:
    assert not is_kept(found)
    first = limits(found)[0]
    assert first.what == what
    assert told in f"{first.why}; {first.remedy}"


def test_jobs_that_had_not_ended_and_puts_that_were_lost_are_a_rate_not_kept() -> None:
    found = figures()
    found.outcomes.unended.append(Put("", b"\0" * 8, 0, 0))
    assert not is_kept(found)
    found = figures()
    found.lost = 1
    assert not is_kept(found)


def test_a_put_begins_when_it_can_and_its_time_counts_from_its_moment() -> None:
    found = Figures(rate=2, clients=1, processes=1)
    news = {"conflicts": 3, "lost": 1, "puts": [("", 7, 400_000, 500_000, 10 * SECOND)]}
    (put,) = found.hear(news)
    assert (put.oid, put.took, put.committed) == ((7).to_bytes(8), 500_000, 10 * SECOND)
    found.note_seconds([put])
    assert (found.conflicts, found.lost, found.puts, found.seconds) == (3, 1, 1, 1.0)
    assert found.put_seconds == pytest.approx(0.1)
    assert found.at_once == pytest.approx(0.1)
