"""Quotas as applications define them, and the option that names them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError

import zcasync
from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync.interfaces import IDataManager

SECOND = timedelta(seconds=1)


@zcasync.job(quota="solr")
def indexed() -> None:
    """Need a quota, by its declaration."""


def test_no_quota_is_made_by_who_looks_for_one(session: Session) -> None:
    quotas = session.manager.quotas

    assert list(quotas) == []
    assert len(quotas) == 0
    assert "solr" not in quotas
    assert session.manager.quota_table is None
    assert not session.manager._p_changed


def test_a_quota_is_set_and_changed_and_seen_by_others(connect: Connect) -> None:
    session, other = connect(), connect()
    session.manager.quotas.set("solr", limit=3)
    session.manager.quotas.set("smtp", rate=(10, SECOND))
    session.commit()
    other.sync()
    quotas = other.manager.quotas

    assert list(quotas) == ["smtp", "solr"]
    assert (quotas["solr"].limit, quotas["solr"].rate) == (3, None)
    assert (quotas["smtp"].limit, quotas["smtp"].rate) == (None, (10, SECOND))

    quotas.set("solr", limit=5, rate=(1, 60))
    other.commit()
    session.sync()

    assert session.manager.quotas["solr"].limit == 5
    assert session.manager.quotas["solr"].rate == (1, timedelta(minutes=1))


def test_the_same_limits_once_more_write_nothing(session: Session) -> None:
    quota = session.manager.quotas.set("solr", limit=3)
    session.commit()

    assert session.manager.quotas.set("solr", limit=3) is quota
    assert not quota._p_changed


def test_two_clients_that_set_the_first_quota_conflict_and_the_second_can_repeat(
    connect: Connect,
) -> None:
    first, second = connect(), connect()
    first.manager.quotas.set("solr", limit=3)
    second.manager.quotas.set("smtp", limit=1)
    first.commit()

    with pytest.raises(ConflictError):
        second.commit()
    second.abort()
    second.manager.quotas.set("smtp", limit=1)
    second.commit()

    assert list(second.manager.quotas) == ["smtp", "solr"]


def test_a_quota_that_is_removed_is_not_there(session: Session) -> None:
    session.manager.quotas.set("solr", limit=3)
    session.commit()

    session.manager.quotas.remove("solr")

    assert list(session.manager.quotas) == []
    with pytest.raises(KeyError, match="there is no quota 'solr'"):
        session.manager.quotas["solr"]
    with pytest.raises(KeyError):
        session.manager.quotas.remove("solr")
    assert session.manager.quotas.set("solr", limit=2).limit == 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"limit": -1}, ValueError, "limit must be 0"),
        ({"limit": "3"}, TypeError, "limit must be an int"),
        ({"limit": True}, TypeError, "limit must be an int"),
        ({"limit": 2**40}, ValueError, "limit must be 0"),
        ({"rate": 10}, TypeError, "rate must be a pair"),
        ({"rate": (0, SECOND)}, ValueError, "the number of a rate"),
        ({"rate": (1.5, SECOND)}, TypeError, "the number of a rate"),
        ({"rate": (1, "1s")}, TypeError, "the period of a rate"),
        ({"rate": (1, timedelta(0))}, ValueError, "a millisecond to a year"),
        ({"rate": (1, float("nan"))}, ValueError, "the period of a rate"),
        ({"rate": (1, timedelta(days=400))}, ValueError, "a millisecond to a year"),
    ],
)
def test_limits_that_are_none_are_refused(
    session: Session, given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        session.manager.quotas.set("solr", **given)
    assert list(session.manager.quotas) == []


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\nb", "x" * 101, "\x00"])
def test_names_that_are_none_are_refused(session: Session, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a quota"):
        session.manager.quotas.set(name, limit=1)
    with pytest.raises(ValueError, match="cannot be the name of a quota"):
        session.queue.put(samples.nothing, quota=name)


def test_a_name_that_is_no_text_is_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="must be a str, not bytes"):
        session.manager.quotas.set(b"solr", limit=1)


def test_a_put_says_which_quotas_its_call_needs(session: Session) -> None:
    for name in ("solr", "smtp"):
        session.manager.quotas.set(name, limit=1)
    queue = session.queue

    assert queue.put(samples.nothing).quotas == ()
    assert queue.put(samples.nothing, quota="solr").quotas == ("solr",)
    assert queue.put(samples.nothing, quota=["solr", "smtp", "solr"]).quotas == ("smtp", "solr")
    assert session.manager.reactor.put(samples.nothing, quota=("smtp",)).quotas == ("smtp",)
    assert queue.put(samples.nothing, quota=()).quotas == ()


def test_a_callable_and_a_queue_say_it_too(session: Session) -> None:
    for name in ("solr", "smtp"):
        session.manager.quotas.set(name, limit=1)

    assert session.queue.put(indexed).quotas == ("solr",)
    session.queue.set_defaults(quota="smtp")
    assert session.queue.put(samples.nothing).quotas == ("smtp",)
    assert session.queue.put(indexed).quotas == ("solr",)
    assert session.queue.put(indexed, quota=()).quotas == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "not int"),
        (b"solr", "not bytes"),
        (["solr", 3], "not int"),
    ],
)
def test_what_is_no_name_is_refused(session: Session, given: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"quota must be the name of a quota.*{words}"):
        session.queue.put(samples.nothing, quota=given)


def test_an_unknown_quota_is_refused_with_the_nearest_name(session: Session) -> None:
    session.manager.quotas.set("solr", limit=1)

    with pytest.raises(ValueError, match="there is no quota 'slor': did you mean 'solr'"):
        session.queue.put(samples.nothing, quota=("solr", "slor"))
    with pytest.raises(ValueError, match=r"set it with dm\.quotas\.set\('mail', limit=\.\.\.\)"):
        session.queue.put_many([samples.nothing, indexed], quota="mail")
    assert list(session.queue) == []


def test_a_declared_quota_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="there is no quota 'solr'"):
        session.queue.put_many([samples.nothing, indexed])
    assert list(session.queue) == []


def test_a_put_without_quotas_stores_nothing_of_them(session: Session) -> None:
    partial = session.queue.put(samples.nothing)

    assert "_controls" not in partial.__dict__
    assert IDataManager.providedBy(session.manager)
