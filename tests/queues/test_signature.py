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


def narrow(item: str, count: int = 1, /) -> None:
    """Call it without keywords."""


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
        (Partial(order), "missing 1 required positional argument: 'item'"),
        (order, "missing 1 required positional argument: 'item'"),
        (Partial(order, "bun", 1, 2), "takes from 1 to 2 positional arguments but 3 were given"),
        (Partial(order, "bun", peices=2), "got an unexpected keyword argument 'peices'"),
        (Partial(order, "bun", item="bread"), "multiple values for argument 'item'"),
        (Partial(needs_a_keyword), "missing 1 required keyword-only argument: 'item'"),
        (Partial(samples.nothing, *range(99)), "takes 0 positional arguments but 99 were given"),
        (Partial(narrow, "bun", count=2), "positional-only arguments passed as keyword.*'count'"),
    ],
)
def test_what_a_function_does_not_take(session: Session, call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        session.queue.put(call)
    assert ": tests." in str(caught.value)
    with pytest.raises(TypeError, match=words):
        session.queue.put_many([anything, call])
    assert len(session.queue) == 0


def test_what_a_method_does_not_take(session: Session) -> None:
    demo = session.keep(samples.Demo())
    with pytest.raises(
        TypeError,
        match=r"Demo\.increase\(\) takes .* positional .*: tests\.jobs\.samples\.Demo\.increase\(",
    ):
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


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (order, (), {}),
        (order, (1, 2, 3), {}),
        (order, (1,), {"colour": "red"}),
        (order, (1,), {"item": 2}),
        (needs_a_keyword, (1,), {}),
        (narrow, (), {"item": 1}),
        (samples.Demo.increase, (1, 2, 3, 4), {}),
    ],
)
def test_the_words_are_those_of_the_call(
    session: Session, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    try:
        function(*args, **kwargs)
    except TypeError as error:
        said = str(error)
    with pytest.raises(TypeError) as caught:
        session.queue.put(Partial(function, *args, **kwargs))
    assert str(caught.value).startswith(f"{said}: ")


def test_neither_annotations_nor_defaults_are_shown(session: Session) -> None:
    with pytest.raises(TypeError) as caught:
        session.queue.put(order)
    assert str(caught.value).endswith(
        ": tests.queues.test_signature.order(item, pieces=..., *, urgent=...)"
    )


def test_arguments_may_change_while_it_is_pending(session: Session) -> None:
    partial = session.queue.put(Partial(order, "bun"))
    partial.args.append(2)
    partial.kwargs["urgent"] = True
    session.commit()
    assert list(partial.args) == ["bun", 2]


def test_a_name_that_is_here_no_more_is_the_workers_business(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = Partial(order)
    monkeypatch.delitem(globals(), "order")
    session.queue.put(partial)
    assert len(session.queue) == 1
