"""Attributes that can be what they are: whatever an application gives is stored as plain."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest

from tests.support.scenes import end, put, serve
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import DamagedRecord
from zcasync.job.broken import broken
from zcasync.job.field_types import require_types
from zcasync.job.record import PartialRecord
from zcasync.zeo.older import StateLoadError


class Text(str):
    """A text of an application's own class."""


class Number(IntEnum):
    """A number of one."""

    ONE = 1


class Seconds(float):
    """A number of seconds of one."""


def take(first: Any = None, second: Any = None, **kwargs: Any) -> None:
    """Take anything."""


def test_what_an_application_gives_can_be_loaded_again(db: Any) -> None:
    session = Session(db)
    worker = serve(session)
    worker.thread.size, worker.poll_seconds = Number.ONE, Seconds(2)
    call = Partial(take, 1, 2, **{Text("key"): 3})
    partial = session.queue.put(call, secret=[Text("key"), Number.ONE], retry=Text("never"))
    partial.keep_progress((Decimal(1), None, "done", 1))
    session.commit()
    session.connection.cacheMinimize()
    assert broken(partial) is None
    assert partial.secret_arguments == ("key", 1)
    assert [type(one) for one in partial.secret_arguments] == [str, int]
    assert type(partial.policy_name) is str
    assert (type(worker.thread.size), type(worker.poll_seconds)) == (int, float)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_state", "nowhere"),
        ("_due", "soon"),
        ("_due", 2**70),
        ("_args", [1]),
        ("_kwargs", {1: 2}),
        ("_sidecar", 1),
        ("_queue", "thread"),
        ("_selected", (b"short",)),
        ("_attempts", -1),
        ("_attempts", True),
        ("_call", 17),
    ],
)
def test_an_attribute_of_another_type_is_a_reason_not_to_load_a_record(
    name: str, value: Any
) -> None:
    with pytest.raises(DamagedRecord, match=name):
        require_types(PartialRecord, {"_call": "operator:add", name: value})


def test_what_has_no_call_is_no_job() -> None:
    with pytest.raises(DamagedRecord):
        require_types(PartialRecord, {"_due": 1})


def test_an_attribute_of_the_application_can_be_anything(db: Any) -> None:
    session = Session(db)
    [partial] = put(session)
    partial.note = {"any": ["thing"]}
    end(partial, 1)
    session.commit()
    session.connection.cacheMinimize()
    assert partial.note == {"any": ["thing"]}


def test_a_damaged_record_is_not_loaded(db: Any) -> None:
    session = Session(db)
    [partial] = put(session)
    partial.__dict__["_due"] = "soon"
    partial._p_changed = True
    session.commit()
    session.connection.cacheMinimize()
    with pytest.raises(StateLoadError):
        partial._p_activate()
    assert broken(partial) == (
        "its record cannot be loaded: DamagedRecord: its _due cannot be of type str, or so"
    )
