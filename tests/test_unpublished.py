"""What is stored, and all that it leads to, says itself that Zope may not publish it.

``tests/zope`` asks a real Zope whether it heeds that; here is that no class was forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB import DB

from tests.jobs import samples
from tests.support.reach import is_ours, reach
from tests.support.sessions import ONE, Session
from tests.test_stored_names import CLASSES, put_what_a_client_puts, serve
from zcasync import Partial
from zcasync.database.missing_classes import StandIn
from zcasync.demo import index
from zcasync.errors import ZCAsyncError
from zcasync.job.values import INLINE_LIMIT_BYTES
from zcasync.patterns import where
from zcasync.unpublished import Unpublished

REFUSALS = {
    "__roles__": (),
    "__allow_access_to_unprotected_subobjects__": 0,
    "__before_publishing_traverse__": Unpublished.__before_publishing_traverse__,
    "__render_with_namespace__": Unpublished.__render_with_namespace__,
}
#: Kept in the root of the database, and nothing refers to it.
RECEIPT = "zcasync.database.receipts.Receipt"
#: Nobody is given one: whoever asks has the value that it holds.
PACKED = "zcasync.job.packed.Packed"


def says(kind: type) -> dict[str, Any]:
    """What the objects of a class answer to Zope's questions."""
    return {name: getattr(kind, name, None) for name in REFUSALS}


def own_answers(kind: type) -> list[str]:
    """The names with which a class answers Zope for one of its attributes."""
    return [name for name in dir(kind) if name.endswith("__roles__") and name != "__roles__"]


def persistent_classes() -> set[type]:
    """All of ours that are loaded."""

    def kinds(of: type) -> Iterator[type]:
        for kind in of.__subclasses__():
            yield kind
            yield from kinds(kind)

    # Other tests make classes with old names of ours, for records of before.
    return {
        kind
        for kind in kinds(Persistent)
        if kind.__module__.startswith("zcasync.")
        and getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind
    }


@pytest.fixture
def full(db: DB) -> Iterator[Session]:
    """A data manager with something everywhere."""
    session = Session(db)
    serve(session)
    put_what_a_client_puts(session)
    queue = session.queue
    failed = session.keep(Partial(samples.nothing))
    failed.fail(ValueError("failed"))
    queue.put(Partial(samples.echo, failed)).annotations["nested"] = OOBTree({"note": [failed]})
    large = session.keep(Partial(samples.echo, "x" * 2 * INLINE_LIMIT_BYTES))
    large()
    queue.put(Partial(samples.echo, large))
    queue.put(where(samples.make_seven, samples.make_six))
    session.commit()
    yield session
    session.close()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_stored_class_refuses(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    kind = getattr(import_module(module), attribute)

    assert says(kind) == REFUSALS
    assert own_answers(kind) == []


def test_every_persistent_class_refuses() -> None:
    kinds = persistent_classes()

    assert {index.Index, index.FileBatch, index.Shard} <= kinds
    assert [kind for kind in kinds if says(kind) != REFUSALS] == []


def test_all_of_ours_that_a_data_manager_leads_to_refuses(full: Session) -> None:
    found = list(reach([full.manager, full.queue.claim(ONE.bytes, 1)]))

    ours = {type(one) for one in found if is_ours(one) and not isinstance(one, ZCAsyncError)}
    assert [kind for kind in ours if says(kind) != REFUSALS or own_answers(kind)] == []
    assert {f"{kind.__module__}.{kind.__qualname__}" for kind in ours} >= CLASSES - {
        RECEIPT,
        PACKED,
    }


def test_what_is_not_of_ours_has_no_answer_of_its_own(full: Session) -> None:
    """So Zope takes that of the object of ours that it was found in."""
    foreign = [one for one in reach(full.manager) if not is_ours(one)]

    assert any(isinstance(one, OOBTree) for one in foreign)
    assert {type(one) for one in foreign if hasattr(one, "__roles__")} == set()


def test_the_answers_are_in_no_record(full: Session) -> None:
    ours = [one for one in reach(full.manager) if is_ours(one) and isinstance(one, Persistent)]

    assert ours
    for one in ours:
        state = one.__getstate__()
        assert not isinstance(state, dict) or not set(state) & set(REFUSALS), one


def test_a_stand_in_for_an_objects_class_refuses() -> None:
    assert says(StandIn) == REFUSALS
