"""What operators see of several hosts, and what they do about one that is gone for ever."""

from __future__ import annotations

import json

from tests.integrations.hosts.site import Site
from tests.support.clocks import HOUR


def test_status_shows_all_hosts_from_each_of_them(site: Site) -> None:
    with site.clocks_apart(second=2 * HOUR):
        for worker in site.of("second"):
            site.hold_claims([worker])  # so it writes
        asked = site.of("first")[0]
        site.web.wait_until(
            lambda: asked.cli("status", "--all").stdout.count("2 h ahead") == 2,
            "the clocks to be seen",
        )
        shown = json.loads(asked.cli("status", "--all", "--json").stdout)["workers"]
    found = {one["home"]: one for one in shown}
    for worker in site.workers:
        one = found[str(worker.home)]
        assert one["host"] == worker.host.name
        assert (one["engine"], one["thread"]["size"]) == (worker.engine, 1)
        is_wrong = abs(one["clock_seconds"]) > 60
        assert is_wrong == (worker.host.name == "second"), one
    site.require_works()


def test_an_operator_does_not_wait_for_a_host_that_is_gone_for_ever(site: Site) -> None:
    lost, helper = site.of("first"), site.of("second")[0]
    with site.nobody_is_buried(*site.of("second")):
        batch = site.hold_claims(lost)
        uuids = [str(site.record(worker).UUID) for worker in lost]
        site.hosts["first"].vanish()
        for uuid in uuids:
            done = helper.cli("release", uuid)
            assert done.returncode == 0 or "no engine" in done.stderr, done
        site.require_done(batch)
        for uuid in uuids:
            done = helper.cli("forget", uuid)
            assert done.returncode == 0, done
        shown = json.loads(helper.cli("status", "--all", "--json").stdout)["workers"]
        assert {one["host"] for one in shown} == {"second"}
        site.require_works()
    site.boot("first")
    site.require_return(lost)
    site.require_works()
