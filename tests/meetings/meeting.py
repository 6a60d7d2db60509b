"""Two operations at the same time: the record on which they meet, and what comes of it."""

from __future__ import annotations

from ZODB.POSException import ConflictError

from tests.meetings.operations import OPERATIONS, Moot
from tests.meetings.stage import Stage, View

#: They may both happen.
FREE = ""


def meet(one: str, two: str) -> tuple[str, list[str]]:
    """Let two processes make them at the same time, ``one`` is committed first.

    Returns the class of the record that the second one conflicts on, or FREE, and what is wrong
    once the second one was repeated.
    """
    stage = Stage()
    try:
        before = stage.faults()
        assert not before, before
        where = _meet(stage, one, two)
        return where, stage.faults()
    finally:
        stage.close()


def _meet(stage: Stage, one: str, two: str) -> str:
    first, second = stage.one, stage.two
    first.session.sync()
    second.session.sync()
    OPERATIONS[one](first)
    OPERATIONS[two](second)
    first.session.commit()
    try:
        second.session.commit()
    except ConflictError as error:
        second.session.abort()
        where = type(second.session.connection.get(error.oid)).__name__
        _again(second, two)
        return where
    return FREE


def _again(view: View, name: str) -> None:
    """What the process does that was second."""
    view.session.sync()
    try:
        OPERATIONS[name](view)
    except Moot:
        view.session.abort()
    else:
        view.session.commit()
