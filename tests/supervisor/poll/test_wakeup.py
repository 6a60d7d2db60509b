"""The doorbell rings for the commits of others that matter, and for nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from persistent.mapping import PersistentMapping
from ZODB import DB

from tests.support.sessions import Session
from zcasync.supervisor.poll.wakeup import HEARD_LIMIT, Wakeup
from zcasync.zeo.invalidations import bound


class Rung:
    """A doorbell at a database, and two records that somebody writes."""

    def __init__(self, db: DB, writer: Session) -> None:
        self.count = 0
        self.heard: set[bytes] = set()
        self.bell = Wakeup(self._ring)
        self._writer = writer
        self.watched = writer.keep(PersistentMapping(), "watched")
        self.other = writer.keep(PersistentMapping(), "other")
        assert self.bell.listen(db)

    def _ring(self, oids: set[bytes]) -> None:
        self.count += 1
        self.heard = oids

    def watch(self) -> None:
        self.bell.watch(frozenset([self.watched._p_oid]))

    def write(self, record: PersistentMapping) -> None:
        record["n"] = record.get("n", 0) + 1
        self._writer.commit()


@pytest.fixture
def rung(db: DB, session: Session) -> Iterator[Rung]:
    made = Rung(db, session)
    yield made
    made.bell.close()


def test_a_wakeup_comes_for_watched_records_only(rung: Rung) -> None:
    rung.bell.begin()
    rung.watch()
    rung.write(rung.other)
    assert rung.count == 0

    rung.write(rung.watched)
    assert rung.count == 1


def test_no_record_is_watched_before_the_first_pass(rung: Rung) -> None:
    rung.write(rung.watched)

    assert rung.count == 0


def test_a_commit_during_a_pass_wakes_the_engine_at_its_end(rung: Rung) -> None:
    rung.bell.begin()
    rung.write(rung.watched)
    assert rung.count == 0
    rung.watch()
    assert rung.count == 1


def test_commits_to_unwatched_records_during_a_pass_do_not_wake_the_engine(rung: Rung) -> None:
    rung.bell.begin()
    rung.write(rung.other)
    rung.watch()

    assert rung.count == 0


def test_a_commit_before_a_pass_does_not_wake_the_engine_after_it(rung: Rung) -> None:
    rung.write(rung.watched)
    rung.bell.begin()
    rung.watch()

    assert rung.count == 0


def test_the_commit_of_the_pass_itself_does_not_wake_the_engine(rung: Rung) -> None:
    rung.watch()
    rung.bell.begin()
    rung.write(rung.watched)
    own = rung.watched._p_serial
    rung.bell.watch(frozenset([rung.watched._p_oid]), own)
    assert rung.count == 0

    rung.bell.begin()
    rung.write(rung.watched)
    rung.bell.watch(frozenset([rung.watched._p_oid]), own)
    assert rung.count == 1


def test_the_commit_of_a_pass_does_not_wake_the_engine_when_it_is_reported_late(rung: Rung) -> None:
    rung.write(rung.watched)
    own, oids = rung.watched._p_serial, frozenset([rung.watched._p_oid])
    rung.bell.begin()
    rung.bell.watch(oids, own)
    rung.bell.invalidate(own, oids)
    rung.bell.begin()
    rung.bell.invalidate(own, oids)
    rung.bell.watch(oids)

    assert rung.count == 0


def test_what_is_reported_of_a_commit_in_parts_counts_as_a_whole(rung: Rung) -> None:
    rung.write(rung.watched)
    tid = rung.watched._p_serial
    rung.bell.begin()
    rung.bell.invalidate(tid, [rung.watched._p_oid])
    rung.bell.invalidate(tid, [rung.other._p_oid])
    rung.watch()

    assert rung.count == 1


def test_a_pass_that_has_made_new_records_may_have_missed_changes_of_them(rung: Rung) -> None:
    rung.bell.begin()
    rung.write(rung.watched)
    oids = frozenset([rung.watched._p_oid, None])
    rung.bell.watch(oids, rung.watched._p_serial)

    assert rung.count == 1


def test_a_wakeup_is_silent_during_a_pass_and_comes_once_at_its_end(rung: Rung) -> None:
    rung.watch()
    rung.bell.begin()
    rung.write(rung.watched)
    rung.write(rung.watched)
    assert rung.count == 0

    rung.watch()
    assert rung.count == 1


def test_a_wakeup_after_a_failed_pass_comes_for_what_was_watched_before(rung: Rung) -> None:
    rung.watch()
    rung.bell.begin()
    rung.write(rung.watched)
    rung.bell.missed()
    assert rung.count == 1

    rung.write(rung.watched)
    assert rung.count == 2


def test_a_pass_gets_all_that_was_written_with_the_record_that_woke_it(rung: Rung) -> None:
    oids = {rung.watched._p_oid, rung.other._p_oid}
    rung.watch()
    rung.write(rung.other)
    assert rung.bell.begin()[0] == set()
    rung.other["n"] = -1
    rung.write(rung.watched)
    rung.watch()
    assert rung.heard == oids, "whoever rings says for what"
    assert rung.bell.begin()[0] == oids, "it came during the pass"

    rung.watch()
    rung.other["n"] = -2
    rung.write(rung.watched)
    assert rung.bell.begin()[0] == oids
    assert rung.bell.begin()[0] == set()


def test_the_first_commit_that_wakes_after_a_pass_is_read_ahead(rung: Rung, db: DB) -> None:
    asked: list[tuple[bytes, set[bytes]]] = []

    def ask(tid: bytes, oids: set[bytes]) -> int:
        asked.append((tid, oids))
        return len(asked)

    bell = Wakeup(lambda oids: None, ask)
    bell.listen(db)
    bell.watch(frozenset([rung.watched._p_oid]))
    rung.write(rung.other)
    rung.write(rung.watched)
    tid = rung.watched._p_serial
    rung.write(rung.watched)
    assert asked == [(tid, {rung.watched._p_oid})]
    assert bell.begin()[1] == 1

    rung.write(rung.watched)
    bell.watch(frozenset([rung.watched._p_oid]))
    assert bell.begin()[1] is None, "it came during the pass"
    bell.close()


def test_changes_while_no_pass_comes_are_not_collected_for_ever(rung: Rung) -> None:
    rung.bell.watch(frozenset([b"watched"]))
    for number in range(HEARD_LIMIT):
        rung.bell.invalidate(b"tid", [b"watched", number.to_bytes(8)])

    assert len(rung.bell.begin()[0]) <= HEARD_LIMIT


def test_a_lost_cache_wakes_because_anything_may_have_happened(rung: Rung) -> None:
    rung.bell.invalidate_all()

    assert (rung.count, rung.heard) == (1, set())


def test_a_closed_wakeup_is_silent(rung: Rung) -> None:
    rung.watch()
    assert rung.bell.is_live
    rung.bell.close()
    rung.bell.close()
    rung.write(rung.watched)

    assert rung.count == 0
    assert not rung.bell.is_live


class LikeRelStorage:
    """A storage that has an MVCC of its own; the list holds weak references to its instances."""

    def __init__(self) -> None:
        self._instances: list[object] = []


@pytest.mark.parametrize("storage", [object(), LikeRelStorage()])
def test_a_wakeup_says_when_a_storage_does_not_announce_commits(storage: object) -> None:
    class Quiet:
        _mvcc_storage = storage

    bound(Quiet())
    bell = Wakeup(lambda oids: None)
    assert bell.listen(Quiet()) is False
    assert not bell.is_live
    bell.settle()
    bell.close()


def test_settling_waits_until_every_connection_was_notified(rung: Rung, db: DB) -> None:
    settled = threading.Event()

    def settle() -> None:
        rung.bell.settle()
        settled.set()

    with db._mvcc_storage._lock:  # an announcement is going on
        thread = threading.Thread(target=settle)
        thread.start()
        assert not settled.wait(0.05)
    assert settled.wait(10), "the announcement is over"
    thread.join()
