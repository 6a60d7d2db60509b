"""Unique calls: one at a time for a key, whoever puts it, and one call for many puts of it."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError

import zcasync
from tests.jobs import samples
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial
from zcasync.errors import AlreadyPut
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.queues.unique import STATES


@zcasync.job(unique=lambda document, parts: document, merge="union")
def index(document: str, parts: set[str]) -> set[str]:
    return parts


def end(session: Session, partial: Partial) -> None:
    """Let a partial that waits be claimed and end."""
    assert session.claim() == [partial]
    partial.start()
    partial.finish(None)
    session.commit()


# the key


def test_a_second_put_of_a_key_is_the_first_partial(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="mail")
    assert session.queue.put(samples.nothing, unique="mail") is first
    assert session.queue.put(samples.nothing, unique="other") is not first
    assert session.queue.put(samples.nothing) is not first
    session.commit()
    assert session.queue.put(samples.nothing, unique="mail") is first
    assert len(session.queue) == 3


def test_calls_of_different_callables_never_have_the_same_key(session: Session) -> None:
    first = session.queue.put(Partial(samples.echo, 1), unique="key")
    assert session.queue.put(samples.nothing, unique="key") is not first


def test_methods_of_different_objects_never_have_the_same_key(session: Session) -> None:
    one, other = (session.keep(samples.Demo(), name) for name in ("one", "other"))
    for key in (True, "key", lambda: "key"):
        first = session.queue.put(one.increase, unique=key)
        second = session.queue.put(other.increase, unique=key)
        assert second is not first
        session.commit()
        assert session.queue.put(one.increase, unique=key) is first
        assert session.queue.put(other.increase, unique=key) is second
        session.abort()
        session.queue.discard([first, second])
        session.commit()
    with pytest.raises(ValueError, match="no place in the database yet"):
        session.queue.put(samples.Demo().increase, unique=True)


def test_what_a_functools_partial_has_is_of_the_key(session: Session) -> None:
    def put(*args: Any, **how: Any) -> Partial:
        return session.queue.put(functools.partial(samples.echo, *args), **{"unique": True, **how})

    assert put(1) is put(1)
    assert put(1) is session.queue.put(Partial(samples.echo, 1), unique=True)
    assert put(2) is not put(1)
    assert put("a", unique=str) is put("a", unique=str)
    assert put("b", unique=str) is not put("a", unique=str)
    with pytest.raises(ValueError, match="merge takes the arguments of the partial"):
        put({1}, merge="union")


def test_any_text_can_be_a_key(session: Session) -> None:
    for key in ("\ud800", "ä" * 300, "\ud800" * 300):
        first = session.queue.put(samples.nothing, unique=key)
        session.commit()
        assert session.queue.put(samples.nothing, unique=key) is first


def test_a_put_can_be_without_the_key_of_its_callable(session: Session) -> None:
    first = session.queue.put(Partial(index, "a", {1}))
    second = session.queue.put(Partial(index, "a", {1}), unique=False)
    assert second is not first
    assert second.unique is None
    session.queue.set_defaults(unique=True, if_exists="reject")
    assert session.queue.put(samples.nothing, unique=False).unique is None
    with pytest.raises(ValueError, match="if_exists needs unique"):
        session.queue.put(samples.nothing, unique=False, if_exists="reject")


def test_the_arguments_are_a_key(session: Session) -> None:
    def put(*args: Any, **kwargs: Any) -> Partial:
        return session.queue.put(Partial(samples.echo, *args, **kwargs), unique=True)

    assert put(1, "a", b=(2, 3)) is put(1, "a", b=(2, 3))
    different = [put(1), put(2), put("1"), put(1, 2), put(number=1), put(), put(1.0), put(True)]
    assert len({id(one) for one in different}) == len(different)
    with pytest.raises(ValueError, match="0 is no plain one"):
        put([1])


def test_a_callable_makes_the_key_of_the_arguments(session: Session) -> None:
    first = session.queue.put(Partial(index, "a", {"title"}))
    assert session.queue.put(Partial(index, "a", {"body"})) is first
    assert session.queue.put(Partial(index, "b", {"body"})) is not first
    with pytest.raises(TypeError, match="must make a text"):
        session.queue.put(Partial(samples.echo, 1), unique=lambda number: number)


def test_a_long_key_is_kept_short(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="x" * 10_000)
    assert session.queue.put(samples.nothing, unique="x" * 10_000) is first
    assert session.queue.put(samples.nothing, unique="x" * 10_001) is not first
    keys = [key for tree in session.queue.keys.values() for key in tree]
    assert [len(key) for key in keys] == [64, 64]


def test_a_put_without_a_key_makes_no_tree(session: Session) -> None:
    session.queue.put(samples.nothing)
    assert session.queue.keys is None


# states


def test_by_default_a_call_counts_until_it_is_over(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    session.commit()
    session.activate(first)
    assert session.queue.put(samples.nothing, unique="key") is first
    first.start()
    first.finish(None)
    assert first.state == COMPLETED
    second = session.queue.put(samples.nothing, unique="key")
    assert second is not first
    assert session.queue.put(samples.nothing, unique="key") is second


def test_a_call_that_may_begin_only_once_counts_while_it_runs_like_any_other(
    session: Session,
) -> None:
    first = session.queue.put(samples.nothing, unique="key", retry="never")
    session.commit()
    session.activate(first)
    first.begin_once()
    session.commit()
    assert session.queue.put(samples.nothing, unique="key", retry="never") is first
    with pytest.raises(AlreadyPut):
        session.queue.put(samples.nothing, unique="key", if_exists="reject")
    later = session.queue.put(samples.nothing, unique="key", if_exists="replace")
    assert later is not first


@pytest.mark.parametrize("states", [("pending",), ("active",), ("pending", "active")])
def test_the_states_are_those_that_the_put_names(session: Session, states: tuple[str, ...]) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    session.commit()
    joined = session.queue.put(samples.nothing, unique="key", unique_states=states)
    assert (joined is first) == ("pending" in states)
    session.abort()
    session.activate(first)
    joined = session.queue.put(samples.nothing, unique="key", unique_states=states)
    assert (joined is first) == ("active" in states)


def test_what_is_completed_counts_for_a_time(session: Session, fake_clock: FakeClock) -> None:
    options: dict[str, Any] = {
        "unique": "key", "unique_states": STATES, "unique_for": timedelta(hours=1),
    }  # fmt: skip
    first = session.queue.put(samples.nothing, **options)
    session.commit()
    end(session, first)
    fake_clock.advance(seconds=3599)
    assert session.queue.put(samples.nothing, **options) is first
    fake_clock.advance(seconds=2)
    assert session.queue.put(samples.nothing, **options) is not first


def test_what_was_taken_out_of_the_queue_does_not_count(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    assert session.queue.pull() is first
    second = session.queue.put(samples.nothing, unique="key")
    assert second is not first
    session.queue.discard([second])
    assert session.queue.put(samples.nothing, unique="key") is not second


# policies


def test_reject_raises_and_names_the_job(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key")
    session.commit()
    with pytest.raises(AlreadyPut, match=f"pending already, job {first.id}") as caught:
        session.queue.put(samples.nothing, unique="key", if_exists="reject")
    assert caught.value.id == first.id
    assert len(session.queue) == 1


def test_replace_makes_the_one_that_waits_the_new_call(
    session: Session, fake_clock: FakeClock
) -> None:
    first = session.queue.put(Partial(samples.echo, 1), unique="key", retry="never", delay=9)
    followed = first.addCallback(samples.nothing)
    session.commit()
    fake_clock.advance(seconds=1)
    again = session.queue.put(Partial(samples.echo, 2, three=3), unique="key", if_exists="replace")
    session.commit()
    assert again is first
    assert (list(first.args), dict(first.kwargs)) == ([2], {"three": 3})
    assert first.retry_policy is None
    assert first.begin_after == fake_clock.moment
    assert first.callbacks == (followed,)
    assert len(session.queue) == 1
    assert session.claim() == [first]
    session.commit()
    assert session.claim() == []
    assert len(session.queue) == 0


def test_a_replaced_call_that_is_called_with_itself_is_called_with_the_one_that_waits(
    session: Session,
) -> None:
    session.queue.put(Partial.bind(samples.echo, 1), unique="key")
    again = session.queue.put(Partial.bind(samples.echo, 2), unique="key", if_exists="replace")
    session.commit()
    assert list(again.args) == [again, 2]


def test_what_is_begun_is_not_replaced_but_followed_by_a_new_one(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="key", if_exists="replace")
    session.commit()
    session.activate(first)
    second = session.queue.put(samples.nothing, unique="key", if_exists="replace")
    assert second is not first
    assert second.state == PENDING


def test_debounce_pushes_the_beginning_back(session: Session, fake_clock: FakeClock) -> None:
    def put(number: int) -> Partial:
        call = Partial(samples.echo, number)
        return session.queue.put(call, delay=10, unique="key", if_exists="debounce")

    first = put(1)
    session.commit()
    for number in (2, 3):
        fake_clock.advance(seconds=8)
        assert put(number) is first
        session.commit()
        assert session.claim() == []
        session.commit()
    assert first.begin_after == fake_clock.later(seconds=10)
    assert list(first.args) == [1]
    assert len(session.queue) == 1
    fake_clock.advance(seconds=11)
    assert session.claim() == [first]
    session.commit()
    assert len(session.queue) == 0


# merging


def test_many_puts_become_one_call_with_the_union_of_their_arguments(session: Session) -> None:
    first = session.queue.put(Partial(index, "a", {"title"}))
    session.commit()
    session.queue.put_many([Partial(index, "a", {"body"}), Partial(index, "a", {"title", "date"})])
    session.commit()
    assert len(session.queue) == 1
    assert list(first.args) == ["a", {"title", "body", "date"}]
    session.activate(first)
    later = session.queue.put(Partial(index, "a", {"late"}))
    assert later is not first
    assert list(later.args) == ["a", {"late"}]


@pytest.mark.parametrize(
    ("old", "new", "union"),
    [
        ([1, 2], [2, 3], [1, 2, 3]),
        ((1,), (2,), (1, 2)),
        ({"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        (frozenset({1}), frozenset({2}), frozenset({1, 2})),
        ("same", "same", "same"),
    ],
)
def test_what_a_union_is(session: Session, old: Any, new: Any, union: Any) -> None:
    for value in (old, new):
        partial = session.queue.put(
            Partial(samples.echo, value, own=value), unique="key", merge="union"
        )
    assert (list(partial.args), dict(partial.kwargs)) == ([union], {"own": union})


def test_what_has_no_union_is_refused_and_changes_nothing(session: Session) -> None:
    first = session.queue.put(Partial(samples.echo, 1), unique="key", merge="union")
    for call, why in (
        (Partial(samples.echo, 2), "cannot merge argument 0"),
        (Partial(samples.echo, 1, 2), "as many arguments"),
    ):
        with pytest.raises(ValueError, match=why):
            session.queue.put(call, unique="key", merge="union")
    assert list(first.args) == [1]


def test_a_callable_merges(session: Session) -> None:
    def largest(old: tuple[int], new: tuple[int]) -> tuple[int]:
        return max(old, new)

    for number in (3, 5, 4):
        partial = session.queue.put(Partial(samples.give_back, number), unique="key", merge=largest)
    assert list(partial.args) == [5]
    with pytest.raises(TypeError, match="must return the arguments, a tuple"):
        session.queue.put(Partial(samples.give_back, 1), unique="key", merge=lambda old, new: None)
    with pytest.raises(zcasync.errors.BadCallable):
        session.queue.put(
            Partial(samples.give_back, 1), unique="key", merge=lambda old, new: (1, 2, 3)
        )


# who races whom


@pytest.mark.parametrize("policy", ["keep", "reject", "replace"])
def test_of_two_clients_that_put_a_key_one_conflicts_and_then_sees_the_other(
    connect: Connect, policy: str
) -> None:
    one, two = connect(), connect()
    put = {"unique": "key", "if_exists": policy}
    first = one.queue.put(samples.nothing, **put)
    two.queue.put(samples.nothing, **put)
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    if policy == "reject":
        with pytest.raises(AlreadyPut):
            two.queue.put(samples.nothing, **put)
    else:
        assert two.queue.put(samples.nothing, **put)._p_oid == first._p_oid
    two.commit()
    assert len(two.queue) == 1


@pytest.mark.parametrize("policy", ["keep", "replace", "debounce", "merge"])
def test_a_put_conflicts_with_the_claim_of_the_call_that_it_joins(
    connect: Connect, policy: str
) -> None:
    """Else the call could begin without what the put has joined it for."""
    client, engine = connect(), connect()
    how: dict[str, Any] = {"merge": "union"} if policy == "merge" else {"if_exists": policy}
    if policy == "debounce":
        how["delay"] = 0.000001
    how["unique_states"] = "pending"
    client.queue.put(Partial(samples.echo, {1}), unique="key", **how)
    client.commit()
    engine.sync()
    (taken,) = engine.claim()
    engine.activate_claimed(taken)
    joined = client.queue.put(Partial(samples.echo, {2}), unique="key", **how)
    engine.commit()
    with pytest.raises(ConflictError):
        client.commit()
    client.abort()
    again = client.queue.put(Partial(samples.echo, {2}), unique="key", **how)
    client.commit()
    assert again._p_oid != joined._p_oid
    assert list(again.args) == [{2}]


def test_clients_of_different_keys_do_not_conflict(connect: Connect) -> None:
    one, two = connect(), connect()
    one.queue.put(samples.nothing, unique="first")
    one.commit()
    for number in range(50):
        one.sync()
        two.sync()
        one.queue.put(samples.nothing, unique=f"one {number}")
        two.queue.put(samples.nothing, unique=f"two {number}")
        one.commit()
        two.commit()
    one.sync()
    assert len(one.queue) == 101
