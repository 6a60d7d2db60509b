"""Links that are slow, lossy, cut or half open, and partitions between each pair of hosts."""

from __future__ import annotations

import itertools
import time

import pytest

from tests.integrations.hosts.site import SILENCE, Site
from zcasync.testing.waiting import wait_until

HOSTS = ("storage", "web", "first", "second")
#: Clearly longer than an engine may be silent.
WHILE = 2 * SILENCE
#: Clearly shorter than that, heartbeat and reconnection included.
MOMENT = 2.0


def stay(seconds: float) -> None:
    """Let things be as they are for so long."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "the time to pass", seconds + 10)


def test_hosts_work_for_one_database(site: Site) -> None:
    with site.nobody_is_buried():
        site.require_done(site.put(40))
        site.require_works()


def test_links_that_are_slow_cost_time_alone(site: Site) -> None:
    with site.nobody_is_buried():
        with site.network.bad(*site.all_wires(), delay=0.05):
            site.require_done(site.put(12))
            site.require_works()
        site.require_works()


@pytest.mark.parametrize(("loss", "seconds"), [(0.05, SILENCE), (0.2, WHILE)])
def test_nobody_is_buried_where_packets_get_lost(site: Site, loss: float, seconds: float) -> None:
    with site.nobody_is_buried():
        lost = site.network.passed["lost"]
        with site.network.bad(*site.all_wires(), loss=loss):
            site.work_for(seconds)
            site.require_works()
        assert site.network.passed["lost"] > lost + 20
        site.require_works()


@pytest.mark.parametrize("pair", list(itertools.combinations(HOSTS, 2)), ids="-".join)
def test_a_short_partition_costs_nothing(site: Site, pair: tuple[str, str]) -> None:
    with site.nobody_is_buried():
        batch = site.put(40)
        site.wait_until_under_way(batch, 4)
        with site.network.cut(*site.wires(*pair)):
            stay(MOMENT)
        site.require_done(batch)
        site.require_works()


@pytest.mark.parametrize(
    "directions", [(0, 1), (0,), (1,)], ids=["cut", "nothing comes", "nothing goes"]
)
def test_a_host_that_is_cut_off_is_rescued_in_time_and_comes_back(
    site: Site, directions: tuple[int, ...]
) -> None:
    wires = site.wires("storage", "first")
    lost = site.of("first")
    with site.nobody_is_buried(*site.of("second")):
        batch = site.hold_claims(lost)
        with site.network.cut(*(wires[one] for one in directions)):
            site.require_rescue(lost)
            site.require_done(batch)
        site.require_return(lost)
        site.require_works()
