"""Which records ring, and what a NOTIFY says of them."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from persistent.mapping import PersistentMapping
from ZODB.utils import load_current

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync.partial import Partial
from zcasync.relstorage.ring import MOST_BYTES, is_ours, payload, read_payload, ring_commits
from zcasync.workers.claims import ClaimList


def record(session: Session, obj: Any) -> bytes:
    kept = session.keep(obj, "kept")
    state, _ = load_current(session.connection.db().storage, kept._p_oid)
    return bytes(state)


@pytest.mark.parametrize("obj", [Partial(samples.nothing), ClaimList()], ids=["partial", "claims"])
def test_records_of_ours_are_recognized(session: Session, obj: Any) -> None:
    state = record(session, obj)

    assert is_ours(state)
    assert is_ours(memoryview(state))
    assert is_ours(b".z" + zlib.compress(state)), "as zc.zlibstorage writes it"


def test_other_records_are_not_ours(session: Session) -> None:
    state = record(session, PersistentMapping(a="czcasync."))

    assert not is_ours(state)
    assert not is_ours(b".z" + zlib.compress(state))
    assert not is_ours(None), "a deleted one"
    assert not is_ours(b"")


def test_a_payload_says_what_was_written_or_that_it_is_too_much() -> None:
    assert read_payload(payload([1, 2**62])) == [1, 2**62]
    assert read_payload(payload([])) is None
    many = payload(range(10**9, 10**9 + 1000))
    assert many == ""
    assert read_payload(many) is None
    assert len(payload(range(700))) < MOST_BYTES


@pytest.mark.parametrize("text", ["x", "1,", ",", "1,-2", "1 2", "\N{SUPERSCRIPT TWO}"])
def test_what_others_send_stands_for_anything(text: str) -> None:
    assert read_payload(text) is None


def test_nothing_rings_at_other_storages(db: Any) -> None:
    before = dict(vars(db.storage))

    ring_commits(db)

    assert vars(db.storage) == before
