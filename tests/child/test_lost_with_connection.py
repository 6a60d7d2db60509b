"""What others are to commit with a job is committed, too, where it closes its connection."""

from __future__ import annotations

import pytest
import transaction

from tests.child.test_shared_transactions import HEARD, Mail
from tests.jobs.samples import NotPicklable
from tests.support.job_threads import Account, Bench
from zcasync import Partial


class Closing(Account):
    """Closes the connection that it was loaded in."""

    def mail_and_close(self) -> str:
        transaction.get().join(Mail("sent"))
        self._p_jar.close()
        return "sent"

    def mail_close_and_fail(self) -> object:
        transaction.get().join(Mail("sent"))
        self._p_jar.close()
        return NotPicklable()

    def hook_and_close(self) -> str:
        transaction.get().addBeforeCommitHook(HEARD.append, ("hook",))
        self._p_jar.close()
        return "hooked"


def run(bench: Bench, name: str, batch: bool) -> Partial:
    HEARD.clear()
    closing = bench.client.keep(Closing(), "closing")
    [partial] = bench.claim(getattr(closing, name), batch=batch)
    bench.run([partial])
    return partial


@pytest.mark.parametrize("batch", [False, True])
def test_a_data_manager_that_the_job_has_joined(bench: Bench, batch: bool) -> None:
    partial = run(bench, "mail_and_close", batch)
    assert (partial.result, HEARD) == ("sent", ["sent"])


@pytest.mark.parametrize("batch", [False, True])
def test_a_hook_of_the_job(bench: Bench, batch: bool) -> None:
    partial = run(bench, "hook_and_close", batch)
    assert (partial.result, HEARD) == ("hooked", ["hook"])


@pytest.mark.parametrize("batch", [False, True])
def test_nothing_of_a_job_that_fails_afterwards(bench: Bench, batch: bool) -> None:
    partial = run(bench, "mail_close_and_fail", batch)
    assert "cannot be pickled" in partial.result.getErrorMessage()
    assert HEARD == []
