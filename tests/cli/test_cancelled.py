"""A job that is cancelled while it waits: it is listed and counted, and can be retried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.support.instance import Instance
from zcasync.job.ids import id_of

Cli = Callable[..., Result]


def counted(cli: Cli, *here: object) -> int:
    """How many cancelled jobs the workers count."""
    return sum(worker["cancelled"] for worker in cli("status", "--json", *here).json["workers"])


def test_a_job_that_is_cancelled_while_it_waits_is_listed_and_counted_and_can_be_retried(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance().start()
    client, here = instance.client, ("--home", instance.home)
    assert counted(cli, *here) == 0
    held = client.put(jobs.echo, 7, begin_after=datetime.now(UTC) + timedelta(hours=5))
    assert cli("cancel", id_of(held), *here).code == 0
    [listed] = cli("jobs", "--cancelled", "--json", *here).json["jobs"]
    assert listed["id"] == id_of(held)
    assert listed["ending"].startswith("cancelled by ")
    assert counted(cli, *here) == 1
    assert cli("retry", id_of(held), *here).code == 0
    assert counted(cli, *here) == 0
    assert client.wait_for(held) == ((7,), {})
    client.wait_until(lambda: held in list(instance.worker().completed), "it to retire")
