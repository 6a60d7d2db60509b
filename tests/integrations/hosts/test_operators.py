"""What operators see of several hosts, and what they do about one that is gone for ever."""

from __future__ import annotations

import json
from typing import Any

from tests.integrations.hosts.site import LONG, Site
from tests.support.clocks import HOUR
from tests.support.hosts.workers import Worker
from zcasync.testing.waiting import wait_until


def shown_by(worker: Worker) -> dict[str, dict[str, Any]]:
    """What status --all shows on this worker's host, by the paths of the homes."""
    done = worker.cli("status", "--all", "--json")
    assert done.returncode == 0, done
    return {one["home"]: one for one in json.loads(done.stdout)["workers"]}


def test_status_shows_all_hosts_from_each_of_them(site: Site) -> None:
    asked = site.of("first")[0]

    def seconds(found: dict[str, dict[str, Any]], host: str) -> list[float]:
        return [found[str(worker.home)]["clock_seconds"] for worker in site.of(host)]

    def look() -> dict[str, dict[str, Any]] | None:
        site.require_done(site.hold_claims(site.workers))  # so all of them have written
        found = shown_by(asked)
        # The clock that ids of transactions tell never goes back: all may seem to be behind it.
        apart = min(seconds(found, "second")) - max(seconds(found, "first"))
        return found if abs(apart - 2 * HOUR) < 60 else None

    with site.clocks_apart(second=2 * HOUR):
        found = wait_until(look, "the clocks to be seen", LONG, lambda: shown_by(asked))
    for worker in site.workers:
        one = found[str(worker.home)]
        assert one["host"] == worker.host.name
        assert (one["engine"], one["thread"]["size"]) == (worker.engine, 1)
    text = asked.cli("status", "--all").stdout
    assert [text.count(f"  {host} ") for host in ("first", "second")] == [2, 2]
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
        assert {one["host"] for one in shown_by(helper).values()} == {"second"}
        site.require_works()
    site.boot("first")
    site.require_return(lost)
    site.require_works()
