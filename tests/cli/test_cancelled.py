"""A job that is cancelled while it waits: it is listed and counted, and can be retried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of

Cli = Callable[..., Result]


def counted(cli: Cli) -> int:
    """How many cancelled jobs the workers count."""
    return sum(worker["cancelled"] for worker in cli("status", "--json").json["workers"])


def cancelled(cli: Cli) -> list[dict[str, object]]:
    """The cancelled jobs that are listed."""
    return cli("jobs", "--cancelled", "--limit", "1000", "--json").json["jobs"]  # type: ignore[no-any-return]


def test_a_job_that_is_cancelled_while_it_waits_is_listed_and_counted_and_can_be_retried(
    served: Instance, client: Client, cli: Cli
) -> None:
    held = client.put(jobs.echo, 7, begin_after=datetime.now(UTC) + timedelta(hours=5))
    assert cli("cancel", id_of(held)).code == 0
    [listed] = [one for one in cancelled(cli) if one["id"] == id_of(held)]
    assert str(listed["ending"]).startswith("cancelled by ")
    assert counted(cli) >= 1
    assert cli("retry", id_of(held)).code == 0
    assert id_of(held) not in [one["id"] for one in cancelled(cli)]
    assert client.wait_for(held) == ((7,), {})
    client.wait_until(lambda: held in list(served.worker().completed), "it to retire")
