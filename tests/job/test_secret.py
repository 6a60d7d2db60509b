"""Secret arguments: which ones are shown to nobody, and what of a partial shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import BadStateError
from zcasync.job.record import PartialRecord
from zcasync.patterns import where
from zcasync.reports.job import describe, summary

PASSWORD = "swordfish"


def shown(partial: Partial) -> str:
    """All that is ever shown of a partial."""
    reports = json.dumps([describe(partial), summary(partial)])
    return "".join([reports, repr(partial), repr(partial.args), repr(partial.kwargs)])


@pytest.mark.parametrize(
    ("secret", "args", "kwargs"),
    [
        (False, [repr(PASSWORD), "2"], {"a": repr(PASSWORD), "b": "3"}),
        (None, [repr(PASSWORD), "2"], {"a": repr(PASSWORD), "b": "3"}),
        ((), [repr(PASSWORD), "2"], {"a": repr(PASSWORD), "b": "3"}),
        (True, ["<secret>", "<secret>"], {"a": "<secret>", "b": "<secret>"}),
        (("a", 0), ["<secret>", "2"], {"a": "<secret>", "b": "3"}),
        ([0, "a"], ["<secret>", "2"], {"a": "<secret>", "b": "3"}),
        ("a", [repr(PASSWORD), "2"], {"a": "<secret>", "b": "3"}),
    ],
)
def test_a_put_names_the_arguments_that_are_not_shown(
    session: Session, secret: Any, args: list[str], kwargs: dict[str, str]
) -> None:
    partial = session.queue.put(Partial(samples.echo, PASSWORD, 2, a=PASSWORD, b=3), secret=secret)
    session.commit()
    session.connection.cacheMinimize()

    found = describe(partial)
    assert (found["args"], found["kwargs"]) == (args, kwargs)
    assert repr(partial.args) == f"[{', '.join(args)}]"
    named = ", ".join(f"{name!r}: {value}" for name, value in kwargs.items())
    assert repr(partial.kwargs) == f"{{{named}}}"
    assert (PASSWORD in shown(partial)) == any(PASSWORD in one for one in [*args, *kwargs.values()])


def test_the_call_gets_them_as_they_are(session: Session) -> None:
    partial = session.keep(Partial(samples.echo, PASSWORD, key=PASSWORD))
    partial.secret = True
    assert partial() == (PASSWORD, {"key": PASSWORD})


def test_all_of_one_put_are_checked_before_anything_changes(session: Session) -> None:
    items = [Partial(samples.echo, PASSWORD, key=1), Partial(samples.echo, key=1)]
    with pytest.raises(ValueError, match=r"argument 0, which the call of .*echo does not have"):
        session.queue.put_many(items, secret=("key", 0))
    assert [one.secret for one in items] == [False, False]

    for partial in session.queue.put_many(items, secret="key"):
        assert partial.secret == ("key",)
        assert describe(partial)["kwargs"] == {"key": "<secret>"}


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ("pasword", ValueError),
        (("key", 1), ValueError),
        ((-1,), ValueError),
        (0, TypeError),
        ((True,), TypeError),
        ((None,), TypeError),
        ((0.0,), TypeError),
    ],
)
def test_a_secret_that_would_hide_nothing_is_refused(
    session: Session, secret: Any, error: type[Exception]
) -> None:
    partial = Partial(samples.echo, PASSWORD, key=1)
    with pytest.raises(error, match="secret"):
        session.queue.put(partial, secret=secret)
    with pytest.raises(error, match="secret"):
        partial.secret = secret
    assert (partial.secret, partial.queue, len(session.queue)) == (False, None, 0)


def test_a_put_without_secrets_stores_nothing_of_them(session: Session) -> None:
    for options in ({}, {"secret": False}):
        partial = session.queue.put(Partial(samples.echo, 1), **options)
        assert "_secret" not in vars(partial)


def test_arguments_that_come_later_are_secret_too(session: Session) -> None:
    partial = session.queue.put(samples.echo, secret=True)
    partial.args.append(PASSWORD)
    partial.kwargs["key"] = PASSWORD
    assert PASSWORD not in shown(partial)


def insert_in_front(args: Any) -> None:
    args.insert(0, "first")


def delete_the_first(args: Any) -> None:
    del args[0]


def reverse(args: Any) -> None:
    args.reverse()


def swap(args: Any) -> None:
    args[0], args[1] = args[1], args[0]


def replace_the_first_by_two(args: Any) -> None:
    args[:1] = ["first", "second"]


def put_it_last(args: Any) -> None:
    args.append(args.pop(1))


@pytest.mark.parametrize(
    "change",
    [insert_in_front, delete_the_first, reverse, swap, replace_the_first_by_two, put_it_last],
)
def test_all_arguments_are_secret_once_one_has_left_its_position(
    session: Session, change: Callable[[Any], None]
) -> None:
    partial = session.queue.put(Partial(samples.echo, "anna", PASSWORD, key=PASSWORD))
    partial.secret = (1, "key")
    session.commit()
    change(partial.args)
    session.commit()
    session.connection.cacheMinimize()
    assert partial.secret is True
    assert PASSWORD in partial.args
    assert PASSWORD not in shown(partial)


def insert_behind(args: Any) -> None:
    args.insert(1, "second")


def delete_the_last(args: Any) -> None:
    del args[1]


def replace_another(args: Any) -> None:
    args[1] = "berta"


def append(args: Any) -> None:
    args.append("third")


@pytest.mark.parametrize("change", [insert_behind, delete_the_last, replace_another, append])
def test_the_others_are_shown_as_long_as_each_secret_stays_at_its_position(
    session: Session, change: Callable[[Any], None]
) -> None:
    partial = session.queue.put(Partial(samples.echo, PASSWORD, "anna"), secret=(0,))
    change(partial.args)
    assert partial.secret == (0,)
    assert PASSWORD not in shown(partial)


def test_of_a_partial_that_comes_later_all_arguments_are_secret_too(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, 1), secret=True)
    inner, named = Partial(samples.echo, PASSWORD), Partial(samples.echo, PASSWORD)
    partial.args.append(inner)
    partial.kwargs["key"] = named
    assert PASSWORD not in shown(inner) + shown(named)


def test_a_retry_keeps_the_secret(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, PASSWORD), secret=True)
    partial.assign(None)
    partial.reschedule(1)
    partial.release()
    session.commit()
    session.connection.cacheMinimize()
    assert (partial.secret, PASSWORD in shown(partial)) == (True, False)


def test_it_cannot_change_once_the_call_is_claimed(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, PASSWORD), secret=True)
    partial.assign(None)
    with pytest.raises(BadStateError, match="secret can change while a partial is pending"):
        partial.secret = False
    assert partial.secret is True


def test_of_a_secret_partial_all_arguments_are_secret(session: Session) -> None:
    inner = Partial(samples.echo, PASSWORD)
    other = Partial(samples.echo, "known")
    ring = Partial.bind(samples.echo, inner, other)
    session.queue.put(ring, secret=(1,))
    assert (ring.secret, inner.secret, other.secret) == ((1,), True, False)
    assert PASSWORD not in shown(inner)
    assert "known" in shown(other)


def test_a_partial_that_was_put_by_itself_is_left_as_it_is(session: Session) -> None:
    other = session.queue.put(Partial(samples.echo, "known"))
    session.queue.put(Partial(samples.echo, other), secret=True)
    assert other.secret is False


def test_a_callback_has_secrets_of_its_own(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, 1), secret=True)
    success = Partial(samples.echo, PASSWORD)
    success.secret = (0,)
    callback = partial.addCallbacks(success)
    assert (callback.secret, success.secret) == (False, (0,))
    assert PASSWORD not in shown(callback) + shown(success)


def test_a_call_that_looks_for_a_fit_worker_takes_its_secret_along(session: Session) -> None:
    partial = where(samples.nothing, samples.echo, PASSWORD)
    session.queue.put(partial, secret=True)
    assert partial.args[2].secret is True
    assert PASSWORD not in shown(partial) + shown(partial.args[2])


@pytest.mark.parametrize("damaged", [7, "a", [0], object])
def test_a_damaged_note_hides_all(damaged: Any) -> None:
    partial = Partial(samples.echo, PASSWORD)
    vars(partial)["_secret"] = damaged
    assert isinstance(partial, PartialRecord)
    assert PASSWORD not in shown(partial)
