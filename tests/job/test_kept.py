"""Calls as they are kept: what can be changed belongs to one attempt, what is large to a box."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest
from persistent.mapping import PersistentMapping
from ZODB.utils import load_current

from tests.jobs import samples, spoilers
from tests.jobs.spoilers import Order, spoil
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import UnloadableArguments, UnstorableError
from zcasync.job.arguments import all_arguments, load_call
from zcasync.job.copies import copied, weight
from zcasync.job.packed import pack
from zcasync.job.values import INLINE_LIMIT_BYTES, RESULT_LIMIT_BYTES, Boxed, LargeValue
from zcasync.perform.performer import Performer
from zcasync.perform.reach import reaches_foreign
from zcasync.reports.job import describe, summary

VALUES: dict[str, Any] = {
    "list": lambda: [1, [2]],
    "dict": lambda: {"one": [1]},
    "set": lambda: {1},
    "tuple": lambda: (1, [2]),
    "object": lambda: Order(1, [2]),
    "large list": lambda: list(range(9_000)),
    "large object": lambda: Order(*range(9_000)),
    "large tuple": lambda: ([1] * 9_000,),
}
LARGE = "x" * 100_000


@pytest.fixture(params=VALUES.values(), ids=VALUES)
def value(request: pytest.FixtureRequest) -> Any:
    return request.param()


def attempt(partial: Partial) -> tuple[tuple[Any, ...], dict[str, Any]]:
    load_call(partial)
    return all_arguments(partial, (), {})


# what belongs to an attempt


def test_an_attempt_sees_nothing_of_the_one_before(session: Session, value: Any) -> None:
    partial = session.queue.put(Partial(samples.echo, value, key=value))
    session.commit()
    expected = repr(((value,), {"key": value}))

    for _ in range(2):
        found = attempt(partial)
        assert repr(found) == expected
        spoil(found)
    session.connection.cacheMinimize()
    assert repr((tuple(partial.args), dict(partial.kwargs))) == expected


def test_a_call_keeps_what_it_was_put_with(session: Session, value: Any) -> None:
    expected = repr(value)
    partial = session.queue.put(Partial(samples.echo, value))
    spoil(value)
    session.commit()
    spoil(value)
    partial.name_policy("never")
    session.commit()
    session.connection.cacheMinimize()

    assert repr(partial.args[0]) == expected


def test_what_a_reader_changes_reaches_neither_the_record_nor_the_call(
    session: Session, value: Any
) -> None:
    partial = session.queue.put(Partial(samples.echo, value))
    session.commit()
    spoil(partial.args[0])
    partial.name_policy("never")
    session.commit()

    assert repr(attempt(partial)[0][0]) == repr(value)
    session.connection.cacheMinimize()
    assert repr(partial.args[0]) == repr(value)


def test_readers_between_two_attempts_have_the_same_object(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, [1], LARGE))
    assert partial.args[0] is partial.args[0]
    assert partial.args[1] is partial.args[1]


def test_what_is_not_put_yet_is_the_application_s_own() -> None:
    value = [1]
    partial = Partial(samples.echo, value)
    partial.args[0].append(2)
    assert partial.args[0] is value


def test_stored_objects_stay_the_same(session: Session) -> None:
    demo = session.keep(samples.Demo())
    new = PersistentMapping()
    given = [demo, [new], Order(demo), [demo, "x" * 100_000]]
    partial = session.queue.put(Partial(samples.echo, *given))
    session.commit()

    for _ in range(2):
        first, second, order, large = attempt(partial)[0]
        assert first is order.lines[0] is large[0] is demo
        assert second[0] is new
    assert new._p_jar is session.connection


@pytest.mark.parametrize("size", [1, 9_000])
def test_one_object_in_two_places_is_one_object_for_each_attempt(
    session: Session, size: int
) -> None:
    value = list(range(size))
    partial = session.queue.put(Partial(samples.echo, value, value, key=value))
    session.commit()
    (first, second), kwargs = attempt(partial)
    assert first is second is kwargs["key"] is not attempt(partial)[0][0]


@pytest.mark.parametrize("size", [1, 9_000])
def test_a_functools_partial_is_made_anew_for_each_attempt(session: Session, size: int) -> None:
    given = list(range(size))
    partial = session.queue.put(Partial(functools.partial(samples.echo, given, key=Order(1))))
    session.commit()
    for _ in range(2):
        call: Any = load_call(partial)
        all_arguments(partial, (), {})
        assert (call.args, call.keywords) == ((given,), {"key": Order(1)})
        spoil((call.args[0], call.keywords["key"]))
    assert partial.callable_name == "functools.partial(echo)"


def test_a_direct_call_gets_copies_too_and_stored_objects_themselves(session: Session) -> None:
    demo = session.keep(samples.Demo())
    given: list[Any] = [[1], Order(2)]
    behind: list[Any] = [[demo], Order(demo)]
    before, partial = repr([given, behind]), Partial(spoilers.take_here, *given)

    assert partial(*behind) == f"[1], Order([2], new), [{demo!r}], Order([{demo!r}], new)"
    assert repr([given, behind]) == before


def test_a_direct_call_gets_what_cannot_be_copied() -> None:
    lock = threading.Lock()
    assert Partial(spoilers.are_same, lock)(lock) is True


@pytest.mark.parametrize("start", [[1], list(range(9_000))], ids=["small", "large"])
def test_a_result_is_stored_as_it_was_returned(
    session: Session, noted: list[Any], start: list[Any]
) -> None:
    spoilers.KEPT[:] = start
    partial = session.keep(Partial(spoilers.return_kept))
    partial.addCallback(samples.note)
    partial.addCallback(spoilers.take_here)
    partial.addCallback(samples.note)
    partial()
    spoilers.KEPT.append("later")
    partial.result.append("read")
    partial.rewrite()
    session.commit()
    session.connection.cacheMinimize()

    assert noted == [start, start]
    assert partial.result == start


# what is large


def test_a_large_argument_has_a_record_of_its_own(session: Session, value: Any) -> None:
    partial = session.queue.put(Partial(samples.echo, value, key=value))
    session.commit()
    is_large = len(repr(value)) > INLINE_LIMIT_BYTES
    assert isinstance(partial.argument_forms[0][0], Boxed) == is_large
    assert partial.argument_forms[1] == {"key": partial.argument_forms[0][0]}
    record, _ = load_current(session.connection.db().storage, partial._p_oid)
    assert len(record) < 1_000


@pytest.mark.parametrize("size", [INLINE_LIMIT_BYTES, INLINE_LIMIT_BYTES + 1])
@pytest.mark.parametrize("unit", ["x", b"x"])
def test_the_limit_of_what_is_part_of_the_record(session: Session, unit: Any, size: int) -> None:
    partial = session.queue.put(Partial(samples.echo, unit * size))
    is_large = size > INLINE_LIMIT_BYTES
    assert isinstance(partial.argument_forms[0][0], Boxed) == is_large
    assert partial.args[0] == unit * size


def test_a_box_is_not_written_again(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, LARGE, Order(LARGE), key=LARGE))
    session.commit()
    boxes = [one.box for one in (*partial.argument_forms[0], partial.argument_forms[1]["key"])]
    serials = [one._p_serial for one in boxes]
    session.activate(partial)
    Performer().perform(partial)
    partial.rewrite()
    session.commit()
    partial.rewrite()
    session.commit()
    for one in boxes:
        one._p_activate()
    assert [one._p_serial for one in boxes] == serials


def test_who_changes_one_argument_writes_no_other_one_again(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, LARGE, 1, key=LARGE))
    session.commit()
    box = partial.argument_forms[0][0].box
    partial.args[1] = [2]
    partial.kwargs["other"] = 3
    session.commit()
    assert partial.argument_forms[0][0].box is box
    session.connection.cacheMinimize()
    assert list(partial.args) == [LARGE, [2]]
    assert dict(partial.kwargs) == {"key": LARGE, "other": 3}
    assert attempt(partial) == ((LARGE, [2]), {"key": LARGE, "other": 3})


def test_large_arguments_of_callbacks_have_boxes_too(session: Session) -> None:
    partial = Partial(samples.nothing)
    first = partial.addCallback(Partial(samples.echo, LARGE))
    second = Partial(samples.echo, LARGE)
    partial.addCallbacks(success=second)
    session.queue.put(partial)
    late = partial.addCallback(Partial(samples.echo, LARGE))
    session.commit()
    for one in (first, second, late):
        assert isinstance(one.argument_forms[0][0], Boxed)


def test_what_was_refused_is_still_the_application_s_own(session: Session) -> None:
    partial = Partial(samples.echo, value := [LARGE])
    with pytest.raises(ValueError, match="secret names argument 'nobody'"):
        session.queue.put(partial, secret="nobody")
    assert partial.args[0] is value


@pytest.mark.parametrize(
    "value",
    [
        b"x" * (RESULT_LIMIT_BYTES + 1),
        "\u20ac" * 6_000_000,
        [b"x" * 17_000_000],
        Order(b"x" * 17_000_000),
    ],
    ids=["bytes", "wide text", "list", "object"],
)
@pytest.mark.parametrize("place", ["args[0]", "kwargs['key']", "callable"])
def test_what_is_too_large_is_refused_at_the_put(session: Session, value: Any, place: str) -> None:
    calls = {
        "args[0]": lambda: Partial(samples.echo, value),
        "kwargs['key']": lambda: Partial(samples.echo, key=value),
        "callable": lambda: functools.partial(samples.echo, value),
    }
    with pytest.raises(UnstorableError) as caught:
        session.queue.put(calls[place]())
    said = str(caught.value)
    name = "functools.partial(echo)" if place == "callable" else "tests.jobs.samples.echo"
    assert said.startswith(f"the {place} of {name}, a ")
    assert "the limit is 16,777,216: keep large values in a blob" in said
    assert len(session.queue) == 0


def test_a_large_value_is_pickled_once_at_the_put(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = []
    monkeypatch.setattr(Order, "__getstate__", lambda self: pickled.append(1) or vars(self))
    session.queue.put(Partial(samples.echo, Order(LARGE)))
    session.commit()
    assert pickled == [1]


def test_a_record_with_large_arguments_inside_can_be_loaded(session: Session) -> None:
    """As versions before have written them."""
    partial = session.queue.put(Partial(samples.echo, LARGE, key=[1]))
    partial.__dict__["_args"] = (LARGE, [2])
    session.commit()
    session.connection.cacheMinimize()
    assert attempt(partial) == ((LARGE, [2]), {"key": [1]})
    partial.rewrite()
    session.commit()
    assert list(partial.args) == [LARGE, [2]]


# who does not load boxes


def test_nothing_is_loaded_to_show_large_arguments(session: Session) -> None:
    given = [LARGE, Order(LARGE), 1]
    partial = session.queue.put(Partial(samples.echo, *given), secret=[0])
    held = session.queue.put(Partial(functools.partial(samples.echo, LARGE), Order(1), LARGE))
    session.commit()
    session.connection.cacheMinimize()

    shown = describe(partial)
    assert shown["args"][0] == "<secret>"
    assert shown["args"][1].startswith("<Order of 100,")
    assert shown["args"][2] == "1"
    assert (
        summary(held)["call"] == "functools.partial(echo)(Order([1], new), <str of 100,000 bytes>)"
    )
    assert repr(partial.args).startswith("[<secret>, <Order of 100,")
    assert reaches_foreign(partial)
    boxes = [one for one in session.connection._cache.lru_items() if isinstance(one[1], LargeValue)]
    assert boxes == []


def test_what_was_loaded_from_a_box_is_let_go_of(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, LARGE))
    session.commit()
    assert attempt(partial)[0] == (LARGE,)
    assert partial.argument_forms[0][0].box._p_changed is None


@pytest.mark.parametrize("state", [{}, {"value": None}])
def test_a_damaged_box_is_an_error_that_names_the_argument(
    session: Session, state: dict[str, Any]
) -> None:
    partial = session.queue.put(Partial(samples.echo, Order(LARGE), 1))
    session.commit()
    box = partial.argument_forms[0][0].box
    box._p_activate()
    box.__setstate__(state)
    box._p_changed = True
    session.activate(partial)
    Performer().perform(partial)

    assert partial.result.check(UnloadableArguments)
    assert "the args[0] of tests.jobs.samples.echo cannot be loaded" in str(partial.result.value)


# plain values


def test_copies_share_what_cannot_be_changed() -> None:
    demo, inner = samples.Demo(), [1]
    value = [demo, (1, "two"), frozenset([3]), inner, inner, ([1],), {"a": inner}, {4}]
    made = copied(value)
    assert made == value
    assert all(one is other for one, other in zip(made[:3], value[:3], strict=True))
    assert all(one is not other for one, other in zip(made[3:], value[3:], strict=True))
    assert made[3] is made[4] is made[6]["a"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        [1, 2],
        ["x" * n for n in range(20)],
        {"one": {"two": [3.5]}},
        10**1000,
        {1, 2},
        (True,),
    ],
)
def test_a_weight_is_about_that_of_the_pickle(value: Any) -> None:
    assert weight(value, 100_000) <= 2 * len(pack(value, "value").data) + 40
