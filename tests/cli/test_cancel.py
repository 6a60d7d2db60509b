"""What ``zcasync cancel`` says of a job that its supervisor does not end in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of
from zcasync.partial import Partial


def test_who_has_cancelled_a_job_in_vain_is_told_where_the_reason_is(
    served: Instance, client: Client, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    waiting = client.manager.thread.put(Partial(jobs.echo, 1), begin_after=later)
    waiting.addCallback(jobs.echo)  # so that a worker has to end it
    client.commit()
    with monkeypatch.context() as patched:  # as one that the supervisor drops
        patched.setattr("zcasync.control.cancelling.Supervisor.cancel", lambda *given: "jane")
        done = cli("cancel", id_of(waiting), "--timeout", 1)
    assert done.code == 3
    assert "is not over after 1 s" in done.error
    assert "the supervisor's log says why" in done.error
    assert cli("cancel", id_of(waiting)).code == 0
