"""The results of many partials, read together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial, gather
from zcasync.errors import BadStateError
from zcasync.results import wait

Connect = Callable[[], Session]


def finished(session: Session, results: list[Any]) -> list[Partial]:
    """Committed partials with these results; ``...``: none yet."""
    partials = session.queue.put_many([samples.nothing] * len(results))
    session.commit()
    for partial, result in zip(partials, results, strict=True):
        if isinstance(result, Exception):
            partial.fail(result)
        elif result is not ...:
            partial.finish(result)
    session.commit()
    return partials


def test_results_are_in_order_and_counted(session: Session) -> None:
    partials = finished(session, [1, ValueError("no"), ..., None])
    found = gather([partials[3], partials[1], partials[2], partials[0]], timeout=0)

    assert (found.done, found.failed, found.total) == (3, 1, 4)
    assert found.undone == (partials[2],)
    assert (found.results[0], found.results[2:]) == (None, [None, 1])
    assert found.results[1].check(ValueError)


def test_the_same_partial_may_be_asked_for_twice_and_none_at_all(session: Session) -> None:
    (one,) = finished(session, ["x"])
    assert (gather([one, one]).results, gather([one, one]).total) == (["x", "x"], 2)
    assert (gather([]).results, gather([]).done) == ([], 0)


def test_gather_waits_until_the_last_one_has_a_result(session: Session, connect: Connect) -> None:
    partials = finished(session, [...] * 5)
    other = connect()

    def end() -> None:
        for number, partial in enumerate(reversed(partials)):
            other.sync()
            other.same(partial).finish(number)
            other.commit()

    thread = threading.Thread(target=end)
    thread.start()
    assert gather(partials, timeout=60).results == [4, 3, 2, 1, 0]
    thread.join()


def test_many_records_are_requested_together(
    session: Session, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    partials = finished(session, list(range(1500)))
    other = connect()
    same = [other.connection.get(partial._p_oid) for partial in partials]
    other.connection.cacheMinimize()
    requests: list[int] = []

    def counted(connection: Any, oids: list[bytes]) -> None:
        requests.append(len(oids))

    monkeypatch.setattr(wait, "load_all", counted)
    assert gather(same).done == 1500
    assert [count for count in requests if count] == [1000, 500]


def test_partials_of_two_connections_and_new_ones_are_refused(
    session: Session, connect: Connect
) -> None:
    (one,) = finished(session, [...])
    other = connect()
    with pytest.raises(ValueError, match="of one connection"):
        gather([one, other.same(one)])
    new = session.queue.put(samples.nothing)
    with pytest.raises(BadStateError, match="commit first"):
        gather([one, new])
