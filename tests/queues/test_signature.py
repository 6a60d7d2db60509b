"""What a callable does not take is refused at the put, in Python's own words."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial, put


def order(item: str, pieces: int = 1, *, urgent: bool = False) -> None:
    """Call it with an item."""


def needs_a_keyword(*, item: str) -> None:
    """Call it with a keyword."""


def anything(*args: Any, **kwargs: Any) -> None:
    """Call it as you like."""


def given_a_connection(function: Any) -> Any:
    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        return function("connection", *args, **kwargs)

    return made


@given_a_connection
def decorated(connection: str, item: str) -> None:
    """The decorator gives the first argument."""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Partial(order), "missing a required argument: 'item'"),
        (order, "missing a required argument: 'item'"),
        (Partial(order, "bun", 1, 2), "too many positional arguments"),
        (Partial(order, "bun", peices=2), "got an unexpected keyword argument 'peices'"),
        (Partial(order, "bun", item="bread"), "multiple values for argument 'item'"),
        (Partial(needs_a_keyword), "missing a required.* argument: 'item'"),
        (Partial(samples.nothing, *range(99)), "too many positional arguments"),
    ],
)
def test_what_a_function_does_not_take(session: Session, call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        session.queue.put(call)
    assert "tests." in str(caught.value).partition("(")[0]
    with pytest.raises(TypeError, match=words):
        session.queue.put_many([anything, call])
    assert len(session.queue) == 0


def test_what_a_method_does_not_take(session: Session) -> None:
    demo = session.keep(samples.Demo())
    with pytest.raises(TypeError, match=r"Demo\.increase\(.*too many positional arguments"):
        put(demo, demo.increase, 1, 2)
    put(demo, Partial(demo.increase, value=2))


@pytest.mark.parametrize(
    "call",
    [
        Partial(order, "bun"),
        Partial(order, "bun", 2, urgent=True),
        Partial(order, item="bun"),
        Partial(needs_a_keyword, item="bun"),
        Partial(anything, 1, 2, 3, x=4),
        Partial(decorated, "bun"),
        Partial(functools.partial(order, "bun")),
        Partial(samples.Demo.make),
        Partial(max, 1, 2),
        Partial.bind(order),
    ],
)
def test_what_can_be_called_can_be_put(session: Session, call: Any) -> None:
    session.queue.put(call)
    assert len(session.queue) == 1
