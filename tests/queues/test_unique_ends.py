"""Unique calls behind their ends: keys that are free again, and puts that are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import BadStateError
from zcasync.interfaces import COMPLETED
from zcasync.queues.unique import START, STATES, sweep


def end(session: Session, partial: Partial) -> None:
    """Let a partial that waits be claimed and end."""
    assert session.claim() == [partial]
    partial.start()
    partial.finish(None)
    session.commit()


# behind the end


def test_run_again_it_has_its_key_again(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    session.commit()
    end(session, first)
    session.queue.put_again([first])
    session.commit()
    assert session.queue.put(samples.nothing, unique="key") is first


def test_it_is_not_run_again_beside_another_one_with_its_key(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    session.commit()
    end(session, first)
    second = session.queue.put(samples.nothing, unique="key")
    session.commit()
    with pytest.raises(BadStateError, match="same key and is pending"):
        session.queue.put_again([first])
    session.abort()
    end(session, second)
    session.queue.put_again([first])
    session.commit()
    assert session.queue.put(samples.nothing, unique="key") is first


def test_two_with_one_key_are_not_run_again_together(session: Session) -> None:
    over = []
    for _ in range(2):
        over.append(session.queue.put(samples.nothing, unique="key"))
        session.commit()
        end(session, over[-1])
    with pytest.raises(BadStateError, match="was put with the same key: run one of them"):
        session.queue.put_again(over)
    session.abort()
    assert [one.state for one in over] == [COMPLETED] * 2
    session.queue.put_again(over[:1])


def test_a_put_and_a_retry_by_hand_conflict(connect: Connect) -> None:
    client, operator = connect(), connect()
    first = client.queue.put(samples.nothing, unique="key")
    client.commit()
    end(client, first)
    operator.sync()
    operator.queue.put_again([operator.same(first)])
    client.queue.put(samples.nothing, unique="key")
    operator.commit()
    with pytest.raises(ConflictError):
        client.commit()


def test_a_sweep_takes_the_keys_of_what_is_over_away(session: Session) -> None:
    partials = [session.queue.put(samples.nothing, unique=f"{number}") for number in range(10)]
    session.commit()
    for partial in session.claim(6):
        partial.start()
        partial.finish(None)
    session.commit()
    place = sweep(session.queue, limit=1)
    while place != START:
        place = sweep(session.queue, place, 1)
    session.commit()
    left = {id(one) for tree in session.queue.keys.values() for one in tree.values()}
    assert left == {id(one) for one in partials[6:]}


@pytest.mark.parametrize("sweeps_first", [True, False])
def test_a_sweep_and_a_retry_by_hand_conflict(connect: Connect, sweeps_first: bool) -> None:
    """Else the call would wait again, and nobody would find it by its key."""
    client, operator = connect(), connect()
    first = client.queue.put(samples.nothing, unique="key")
    client.commit()
    end(client, first)
    operator.sync()
    operator.queue.put_again([operator.same(first)])
    place = sweep(client.queue)
    while place != START:
        place = sweep(client.queue, place)
    one, other = (client, operator) if sweeps_first else (operator, client)
    one.commit()
    with pytest.raises(ConflictError):
        other.commit()


# what is refused


@pytest.mark.parametrize(
    ("options", "kind", "why"),
    [
        ({"unique": 3}, TypeError, "unique must be a text"),
        ({"unique": ""}, TypeError, "unique must be a text"),
        ({"unique": "a", "if_exists": "drop"}, ValueError, "one of keep, replace"),
        ({"if_exists": "keep"}, ValueError, "if_exists needs unique"),
        ({"merge": "union"}, ValueError, "merge needs unique"),
        ({"unique_states": "pending"}, ValueError, "unique_states needs unique"),
        ({"unique": "a", "unique_states": "waiting"}, ValueError, "not 'waiting'"),
        ({"unique": "a", "unique_states": ()}, ValueError, "one of pending"),
        ({"unique": "a", "merge": "sum"}, TypeError, "'union' or a callable"),
        ({"unique": "a", "merge": "union", "if_exists": "replace"}, ValueError, "merge and if_ex"),
        ({"unique": "a", "merge": "union", "unique_states": "active"}, ValueError, "merge and uni"),
        ({"unique": "a", "if_exists": "debounce"}, ValueError, "debounce' needs delay"),
        ({"unique": "a", "unique_states": 3}, TypeError, "unique_states must be words, not int"),
        ({"unique": "a", "unique_states": STATES, "unique_for": float("inf")}, ValueError, "_for"),
        ({"unique": "a", "unique_states": STATES, "unique_for": float("nan")}, ValueError, "_for"),
        ({"unique": "a", "unique_for": 3}, ValueError, "unique_for and unique_states"),
        ({"unique": "a", "unique_states": STATES, "unique_for": 0}, ValueError, "more than noth"),
        ({"unique": "a", "unique_states": STATES, "unique_for": "1"}, TypeError, "seconds or a"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_put(
    session: Session, options: dict[str, Any], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        session.queue.put(samples.nothing, **options)
    assert len(session.queue) == 0


def test_a_unique_call_gets_its_callbacks_behind_its_put(session: Session) -> None:
    call = Partial(samples.nothing)
    call.addCallback(samples.nothing)
    with pytest.raises(ValueError, match="add them to the partial that put returns"):
        session.queue.put(call, unique="key")
