"""A worker without an application tells once of objects that belong to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from persistent import Persistent
from twisted.logger import globalLogPublisher

from tests.jobs import samples
from tests.jobs.samples import Demo, Plain
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.application.content import MOST_IN_CONTAINER
from zcasync.application.setup import SetUp


class Folder(Persistent):
    """As Zope's."""

    def reindex(self) -> None:
        """A job."""


Folder.__module__ = "OFS.Folder"


class Document(Folder):
    """Of somebody's own."""


@pytest.fixture
def told() -> Iterator[list[Any]]:
    found: list[Any] = []
    globalLogPublisher.addObserver(found.append)
    yield found
    globalLogPublisher.removeObserver(found.append)


@pytest.mark.parametrize(
    "partial",
    [
        Partial(Document().reindex),
        Partial(samples.give_back, 1, Document()),
        Partial(samples.give_back, value=Document()),
        Partial(samples.give_back, [1, Document()]),
        Partial(samples.give_back, value=(Document(),)),
        Partial(samples.give_back, {"first": Document()}),
    ],
    ids=["its method", "an argument", "a keyword argument", "in a list", "in a tuple", "in a dict"],
)
def test_the_first_call_with_one_is_told_of(told: list[Any], partial: Partial) -> None:
    noted: list[str] = []
    set_up = SetUp(None, noted.append)
    for one in (partial, partial, Partial(Folder().reindex)):
        assert set_up.around(one) is None

    (event,) = told
    (text,) = noted
    assert "Document, an object of Zope, but this worker has no application set up" in text
    assert event["whose"] == "Zope"
    assert event["kind"].endswith(".Document")
    assert event["name"] == "zcasync.zope:Application etc/zope.conf"


def test_one_that_is_packed_with_values_of_the_applications_own_is_told_of(
    told: list[Any], session: Session
) -> None:
    partial = session.queue.put(Partial(samples.give_back, [Plain(), session.keep(Document())]))
    session.commit()
    assert partial.is_packed
    SetUp(None).around(partial)

    assert [event["kind"] for event in told] == [f"{Document.__module__}.Document"]


def test_of_long_lists_the_beginning_is_looked_at(told: list[Any]) -> None:
    numbers = list(range(MOST_IN_CONTAINER))
    SetUp(None).around(Partial(samples.give_back, [*numbers, Document()]))
    assert told == []
    SetUp(None).around(Partial(samples.give_back, [*numbers[1:], Document()]))
    assert len(told) == 1


def test_of_other_objects_nothing_is_said(told: list[Any]) -> None:
    set_up = SetUp(None)
    for one in (Partial(Demo().increase), Partial(samples.nothing), Partial(len, [Demo(), {}])):
        set_up.around(one)

    assert told == []


def test_nor_where_an_application_is_set_up(told: list[Any]) -> None:
    SetUp.of("tests.jobs.application:set_up").around(Partial(Document().reindex))

    assert told == []
