"""What a commit leaves of its blobs, and what is said where there is no place for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.MappingStorage import MappingStorage
from ZODB.POSException import Unsupported

from zcasync.zeo.blobs import blobs_removed, require_blobs
from zcasync.zeo.client_options import open_client
from zcasync.zeo.memory_buffers import CommitBuffer


def test_the_files_of_an_aborted_commit_are_removed_whatever_its_abort_raises(
    tmp_path: Path,
) -> None:
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.write_bytes(b"content")
    buffer = CommitBuffer(1)
    buffer.storeBlob(b"1", str(gone))
    buffer.storeBlob(b"2", str(there))
    with pytest.raises(ValueError, match="abort"), blobs_removed(buffer):
        raise ValueError("abort")
    assert list(tmp_path.iterdir()) == []
    with blobs_removed(None):
        pass
    buffer.close()


def test_a_client_without_a_place_for_blobs_says_where_it_is_given_one() -> None:
    client = open_client([("127.0.0.1", 1)], "two", {})
    try:
        for ask in (
            lambda: client.storeBlob(b"1" * 8, b"0" * 8, b"", "path", "", None),
            lambda: client.loadBlob(b"1" * 8, b"0" * 8),
            client.temporaryDirectory,
        ):
            with pytest.raises(Unsupported, match=r"storage 'two' at .*: give its section a blob-"):
                ask()
    finally:
        client.close()


@pytest.mark.parametrize("takes_them", [True, False])
def test_a_storage_that_takes_no_blobs_is_named_and_no_other_one(takes_them: bool) -> None:
    db = DB(DemoStorage() if takes_them else MappingStorage(), database_name="site")
    connection = db.open()
    try:
        if takes_them:
            require_blobs(connection, Unsupported("another matter"))
        else:
            with pytest.raises(Unsupported, match="the storage of database 'site' takes no blobs"):
                require_blobs(connection, Unsupported("Storing Blobs in <...> is not supported."))
    finally:
        connection.close()
        db.close()
