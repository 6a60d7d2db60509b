"""The current site: whatever it is, and however broken, zcasync asks the global registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zope.component
import zope.component.event  # which asks the registries who subscribes, as in each application
import zope.component.hooks

import zcasync
from tests.jobs import samples
from tests.support.sessions import Session
from zcasync.interfaces import IDataManagerPartial
from zcasync.partial import Partial
from zcasync.retry.policy import policy_of
from zcasync.subscribers import instance_uuid


class Away:
    """A site whose registry is in a storage that is away."""

    def getSiteManager(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        raise ConnectionResetError(f"{name}: the storage of the site is away")


@contextmanager
def site_away() -> Iterator[None]:
    """Have a site that is away for a while."""
    zope.component.hooks.setHooks()
    zope.component.hooks.setSite(Away())
    try:
        yield
    finally:
        zope.component.hooks.setSite(None)
        zope.component.hooks.resetHooks()


@pytest.fixture
def away() -> Iterator[None]:
    with site_away():
        yield


def test_a_call_is_put_and_claimed(session: Session, away: None) -> None:
    demo = session.keep(samples.Demo())
    one = session.queue.put(samples.nothing, retry="exceptions")
    other = zcasync.put(demo, demo.increase, retry="never")
    session.commit()

    assert session.claim() == [one, other]
    assert policy_of(other).at_most_once


def test_the_instance_has_its_uuid(away: None) -> None:
    with pytest.raises(ConnectionResetError):
        zope.component.queryUtility(zcasync.interfaces.IUUID, name="instance")
    assert instance_uuid() == instance_uuid()


def test_an_adapter_that_the_application_has_registered_makes_the_partial(
    session: Session,
) -> None:
    class Letter:
        """A thing of the application that can be put."""

    registry = zope.component.getGlobalSiteManager()
    registry.registerAdapter(
        lambda letter: Partial(len, "letter"), [Letter], IDataManagerPartial, ""
    )
    try:
        with site_away():
            assert session.queue.put(Letter()).callable is len
    finally:
        registry.unregisterAdapter(required=[Letter], provided=IDataManagerPartial)
