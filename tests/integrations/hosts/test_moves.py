"""A host that vanishes, a supervisor that dies, a server that moves, clocks that are set apart."""

from __future__ import annotations

import signal

from tests.integrations.hosts.site import Site
from tests.support.clocks import HOUR


def test_a_host_that_vanishes_with_its_supervisors_is_rescued_in_time(site: Site) -> None:
    lost = site.of("first")
    with site.nobody_is_buried(*site.of("second")):
        batch = site.hold_claims(lost)
        site.hosts["first"].vanish()
        site.require_rescue(lost)
        site.require_done(batch)
        site.require_works()
    site.boot("first")
    site.require_return(lost)
    site.require_works()


def test_a_supervisor_that_dies_is_buried_at_once_by_its_neighbour(site: Site) -> None:
    lost, neighbour = site.of("first")
    with site.nobody_is_buried(neighbour, *site.of("second")):
        batch = site.hold_claims([lost])
        lost.kill()
        record = site.record(lost).incarnation
        site.web.wait_until(lambda: record.is_over, "its burial")
        assert "is gone and did not say so" in record.end_reason
        site.require_done(batch)
    lost.start()
    site.require_works()


def test_the_server_moves_to_another_address(site: Site) -> None:
    with site.nobody_is_buried():
        batch = site.put(40)
        site.wait_until_under_way(batch, 4)
        site.move_server("web")
        site.require_done(batch)
        site.require_works()
        batch = site.put(40)
        site.wait_until_under_way(batch, 4)
        site.move_server("storage", signal.SIGTERM)
        site.require_done(batch)
        site.require_works()


def test_clocks_that_are_set_apart_decide_nothing(site: Site) -> None:
    with site.nobody_is_buried(), site.clocks_apart(first=2 * HOUR, second=-2 * HOUR):
        site.require_done(site.put(40))
        site.require_works()
        batch = site.put(40)
        site.wait_until_under_way(batch, 4)
        with site.clocks_apart(storage=HOUR):
            site.require_done(batch)
            site.require_works()
    site.require_works()
