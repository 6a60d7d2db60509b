"""A storage that cannot take a commit for a while: jobs wait for it, none of them fails."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected, ServerException
from ZODB.POSException import ConflictError, POSKeyError, StorageError

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Session
from tests.support.storage_errors import of_storage
from zcasync import Partial
from zcasync.database.errors import is_storage_lost, say_it_once
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.perform.performer import Performer

FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    ServerException("builtins.OSError", (errno.ENOSPC, "No space left on device")),
    StorageError("read-only for the moment"),
]


def fill_a_file() -> None:
    raise OSError(errno.ENOSPC, "a file of the job's own")


class Full:
    """Lets the votes of a session's storage fail so many times."""

    def __init__(self, session: Session, error: Exception, times: int = 1) -> None:
        self.waited: list[BaseException] = []
        self._error = error
        self._times = times
        storage = session.connection._storage
        self._vote = storage.tpc_vote
        storage.tpc_vote = self._refuse

    def _refuse(self, *args: Any) -> Any:
        if self._times:
            self._times -= 1
            raise of_storage(self._error)
        return self._vote(*args)

    def wait(self, error: BaseException) -> None:
        self.waited.append(error)


@pytest.mark.parametrize("error", FULL, ids=repr)
def test_a_job_is_done_once_the_storage_takes_its_commit(
    session: Session, error: Exception
) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    partial._move_to(ACTIVE)
    session.commit()
    full = Full(session, error, 2)

    Performer(full.wait).perform(partial)

    assert full.waited == [error, error]
    assert (partial.state, partial.result, demo.counter) == (COMPLETED, 1, 1)


@pytest.mark.parametrize("error", FULL, ids=repr)
def test_a_failure_and_the_result_of_a_deferred_are_stored_later_too(
    session: Session, error: Exception
) -> None:
    failing, waiting = Partial(samples.raise_value_error), Partial(samples.nothing)
    session.root["failing"], session.root["waiting"] = failing, waiting
    for partial in (failing, waiting):
        partial._move_to(ACTIVE)
    session.commit()

    full = Full(session, error)
    Performer(full.wait).perform(failing)
    assert failing.result.check(ValueError)

    again = Full(session, error)
    Performer(again.wait).settle(waiting, 7)
    assert waiting.result == 7
    assert full.waited == again.waited == [error]


def test_the_error_that_a_job_itself_raises_is_its_result(session: Session) -> None:
    partial = session.keep(Partial(fill_a_file))
    full = Full(session, FULL[0], 0)

    Performer(full.wait).perform_unclaimed(partial, (), {})

    assert partial.result.check(OSError)
    assert full.waited == []


def test_the_log_shows_what_is_broken_and_not_that_the_storage_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("ZODB.Connection")
    say_it_once()
    try:
        for error in (ClientDisconnected("away"), POSKeyError(b"12345678")):
            log.error("cannot load", exc_info=error)
        log.error("without an error")
    finally:
        log.filters.pop()

    assert len(caplog.records) == 2


def test_the_errors_of_a_lost_storage_are_known() -> None:
    assert is_storage_lost(ClientDisconnected("away"), committing=False)
    assert is_storage_lost(ServerException("full"), committing=False)
    assert not is_storage_lost(StorageError("of a storage of its own"), committing=False)
    assert not is_storage_lost(ConflictError("others were first"))
    assert not is_storage_lost(POSKeyError(b"12345678"))
    assert not is_storage_lost(ValueError("a bug"))
