"""The file that tells what an engine held after its last pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import scenes
from tests.support.sessions import Connect
from zcasync.instance.home import Home
from zcasync.job.ids import id_of
from zcasync.workers.claims_snapshot import Claims, ClaimsSnapshot, LastPass, read

LITTLE = ClaimsSnapshot("engine", "", Claims(2, ""), Claims(4, "00" * 7 + "1a"))


def test_the_claims_of_a_worker_can_be_read_without_the_database(
    home: Home, connect: Connect
) -> None:
    session = connect()
    worker = scenes.serve(session)
    partials = scenes.put(session, 3)
    scenes.claim(session, worker, partials[:2], 0)
    scenes.claim(session, worker, partials[2:], 1)
    LastPass(home).write(ClaimsSnapshot.of(worker))

    found = read(home)
    assert found is not None
    assert found.engine == str(worker.engineUUID)
    assert found.thread.size == worker.thread.size
    assert found.jobs == [id_of(partial) for partial in partials]


def test_ids_of_a_second_database_carry_its_name() -> None:
    assert replace(LITTLE, database="zc.async").jobs == ["zc.async:0x1a"]


def test_a_shorter_text_replaces_a_longer_one(home: Home) -> None:
    kept = LastPass(home)
    kept.write(replace(LITTLE, thread=Claims(2, "00" * 8 * 100)))
    kept.write(LITTLE)
    assert read(home) == LITTLE


def test_a_snapshot_is_not_written_while_nothing_changes(home: Home) -> None:
    kept = LastPass(home)
    kept.write(LITTLE)
    home.last_pass.write_bytes(b"")
    kept.write(replace(LITTLE))
    assert home.last_pass.read_bytes() == b""


@pytest.mark.parametrize(
    "text", [b"", b"1 2", b"x y\n{}", b"2 0\n{}", b"99 0\n{}", b"2 2745614147\n{}"]
)
def test_an_unreadable_snapshot_counts_as_none(home: Home, text: bytes) -> None:
    home.last_pass.write_bytes(text)
    assert read(home) is None


def test_a_file_that_cannot_be_written_does_not_stop_an_engine(home: Home) -> None:
    home.last_pass.mkdir()
    kept = LastPass(home)
    kept.write(LITTLE)
    home.last_pass.rmdir()
    kept.write(LITTLE)
    assert read(home) == LITTLE
    kept.close()
