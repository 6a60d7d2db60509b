"""What the tests of calls share: the claim of an engine, and nothing that others have left."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.jobs.steps import OUTSIDE
from tests.support.sessions import ONE, Session
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.incarnation import Incarnation


@pytest.fixture
def incarnation(session: Session) -> Incarnation:
    """An engine of worker ONE, in this process."""
    return session.keep(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()), "incarnation")  # type: ignore[no-any-return]


@pytest.fixture
def nothing_outside() -> Iterator[None]:
    """No effects outside of the database are noted, before and behind the test."""
    OUTSIDE.clear()
    yield
    OUTSIDE.clear()
