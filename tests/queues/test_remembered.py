"""What puts remember of their callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from zope.component import getGlobalSiteManager

from tests.support.sessions import Session
from zcasync.errors import UnstorableError
from zcasync.interfaces import IContextCapture
from zcasync.partial import Partial
from zcasync.reports.job import describe


def answer(*results: Any) -> int:
    return 42


@contextmanager
def capturing(**captures: Callable[[], Any]) -> Iterator[None]:
    registry = getGlobalSiteManager()
    for name, capture in captures.items():
        registry.registerUtility(capture, IContextCapture, name)
    try:
        yield
    finally:
        for name in captures:
            registry.unregisterUtility(provided=IContextCapture, name=name)


def test_nothing_is_stored_where_nothing_is_remembered(session: Session) -> None:
    partial = session.manager.thread.put(answer)
    session.commit()

    assert partial.context == {}
    assert "_context" not in partial.__getstate__()


def test_a_put_remembers_what_the_utilities_of_the_application_say(session: Session) -> None:
    with capturing(zope=lambda: {"user": "bob", "site": "/shop"}, other=lambda: None):
        partial = session.manager.thread.put(answer)
        plain = session.manager.thread.put(answer, remember=False)
        both = session.manager.thread.put_many([answer, answer], run_as="carol")
    session.commit()

    assert partial.context == {"user": "bob", "site": "/shop"}
    assert plain.context == {}
    assert [dict(one.context) for one in both] == [
        {"user": "bob", "site": "/shop", "run_as": "carol"}
    ] * 2
    assert describe(partial)["context"] == {"user": "bob", "site": "/shop"}
    with pytest.raises(TypeError):
        partial.context["user"] = "mallory"  # type: ignore[index]


def test_what_a_call_itself_needs_is_remembered_in_any_case(session: Session) -> None:
    class Capture:
        def __call__(self) -> dict[str, Any]:
            return {"user": "bob"}

        def of_call(self, partial: Partial) -> dict[str, Any]:
            return {"call": partial.callable_name}

    with capturing(it=Capture()):
        partial = session.manager.thread.put(answer, remember=False)

    assert partial.context == {"call": partial.callable_name}


def test_callbacks_have_that_of_their_parent(session: Session) -> None:
    partial = session.manager.thread.put(answer, run_as="bob")
    callback = partial.addCallback(Partial(answer))
    behind = callback.addCallbacks(Partial(answer))
    session.commit()

    assert callback.context == behind.context == {"run_as": "bob"}


def test_a_put_again_keeps_it(session: Session) -> None:
    partial = session.manager.thread.put(answer, run_as="bob")
    session.commit()
    partial.fail()
    partial.retry()
    session.commit()

    assert partial.context == {"run_as": "bob"}


@pytest.mark.parametrize(
    ("value", "told"),
    [(object(), "plain JSON values"), ("x" * 5000, "of at most 4,096"), ({1, 2}, "plain")],
)
def test_what_cannot_be_kept_is_refused_at_the_put(session: Session, value: Any, told: str) -> None:
    with capturing(it=lambda: {"name": value}), pytest.raises(UnstorableError, match=told):
        session.manager.thread.put(answer)

    assert len(session.manager.thread) == 0


def test_a_call_with_too_many_objects_is_refused_with_what_to_do(session: Session) -> None:
    class Capture:
        def __call__(self) -> None:
            """Say nothing of the caller."""

        def of_call(self, partial: Partial) -> dict[str, Any]:
            return {"paths": {hex(number): f"/shop/{number}" for number in range(4000)}}

    with capturing(it=Capture()), pytest.raises(UnstorableError, match="of at most 65,536") as no:
        session.manager.thread.put(answer)

    assert "put several calls with fewer objects each" in str(no.value)
    assert len(session.manager.thread) == 0


def test_what_is_remembered_is_what_it_was_at_the_put(session: Session) -> None:
    told = {"roles": ["Member"]}
    with capturing(it=lambda: told):
        partial = session.manager.thread.put(answer)
    told["roles"].append("Manager")
    session.commit()

    assert partial.context == {"roles": ["Member"]}


@pytest.mark.parametrize("user", [1, True, b"bob", ["bob"]])
def test_run_as_is_the_id_of_a_user(session: Session, user: Any) -> None:
    with pytest.raises(TypeError, match="run_as must be the id of a user"):
        session.manager.thread.put(answer, run_as=user)
