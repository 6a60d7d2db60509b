"""A put whose transaction is aborted without an error is told of in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import transaction

from tests.support.sessions import Session
from tests.zope.probes import needs_zope

pytestmark = [needs_zope, pytest.mark.usefixtures("registry")]

ABORT = """
def check(error):
    try:
        if error:
            raise PermissionError("no token")
    except PermissionError:
        transaction.abort()
    else:
        transaction.abort()
"""


def aborts(module: str) -> Any:
    """A function of a module that aborts the transaction while it handles an error, or not."""
    names = {"__name__": module, "transaction": transaction}
    exec(ABORT, names)
    return names["check"]


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """What is logged of lost puts, where Zope's own log is: web processes observe no Twisted."""
    found: list[str] = []

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage().partition(" are lost, of ")[2])

    handler = Note()
    logging.getLogger("zcasync.zope").addHandler(handler)
    yield found
    logging.getLogger("zcasync.zope").removeHandler(handler)


@pytest.fixture
def request_around(registry: None) -> Iterator[None]:
    """A request is answered."""
    from zope.globalrequest import clearRequest, setRequest

    from tests.support import access_control  # noqa: F401, first: so nothing is left behind
    from zcasync.zope.capture import register

    register()
    setRequest(SimpleNamespace(get={"URL": "http://books/@@put"}.get))
    yield
    clearRequest()


def put(session: Session) -> None:
    session.queue.put(len)
    session.queue.put(print)


@pytest.mark.usefixtures("request_around")
@pytest.mark.parametrize(
    ("module", "is_handling", "told"),
    [
        ("plone.protect.auto", True, "plone.protect has aborted it"),
        ("plone.protect.auto", False, "plone.protect has aborted it"),
        ("shop.views", False, "there was no error"),
        ("shop.views", True, None),
    ],
)
def test_an_abort_of_which_nobody_is_told_is_logged(
    session: Session, warned: list[str], module: str, is_handling: bool, told: str | None
) -> None:
    put(session)
    aborts(module)(is_handling)

    if told is None:
        assert warned == []
    else:
        (text,) = warned
        assert text.startswith("builtins.len, builtins.print: ")
        assert told in text


@pytest.mark.usefixtures("request_around")
def test_a_commit_is_no_abort(session: Session, warned: list[str]) -> None:
    put(session)
    transaction.commit()
    transaction.abort()

    assert warned == []


@pytest.mark.usefixtures("request_around")
def test_outside_of_requests_nothing_is_said(session: Session, warned: list[str]) -> None:
    from zope.globalrequest import clearRequest

    clearRequest()
    put(session)
    transaction.abort()

    assert warned == []
