"""The note about a pack that goes on, or has failed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zcasync.database.pack_note import noted, read
from zcasync.database.packing import packed_file
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity


def test_it_is_there_while_a_pack_goes_on(home: Home) -> None:
    assert read(home) is None
    with noted(home):
        found = read(home)
        assert found is not None
        assert (found.is_running, found.problem, found.written) == (True, None, None)
        packed_file(home.data_fs).write_bytes(b"x" * 1000)
        found = read(home)
        assert found is not None
        assert found.written == 1000
        assert home.packing.stat().st_mode & 0o077 == 0
    assert read(home) is None
    assert not home.packing.exists()


def test_why_it_failed_is_kept_until_one_succeeds(home: Home) -> None:
    with pytest.raises(OSError, match="no room"), noted(home):
        raise OSError("no room\nleft")
    found = read(home)
    assert found is not None
    assert (found.is_running, found.problem) == (False, "OSError: no room left")
    with noted(home):
        pass
    assert read(home) is None


def test_who_comes_second_leaves_the_note_of_the_first(home: Home) -> None:
    with noted(home):
        with pytest.raises(OSError, match="Already"), noted(home):
            raise OSError("Already packing")
        found = read(home)
        assert found is not None
        assert (found.is_running, found.problem) == (True, None)
    with pytest.raises(OSError, match="Already"), noted(home):  # the first has left none
        raise OSError("Already packing")
    assert read(home) is None


def test_the_note_of_a_process_that_is_gone_means_nothing(home: Home) -> None:
    here = ProcessIdentity.here()
    gone = replace(here, start_ticks=here.start_ticks + 1)
    home.packing.write_text(json.dumps({"since": 1.0, "identity": gone.as_dict()}))
    assert read(home) is None


def test_what_an_earlier_pack_has_left_is_not_its_own(home: Home) -> None:
    packed_file(home.data_fs).write_bytes(b"x")
    here = ProcessIdentity.here().as_dict()
    home.packing.write_text(json.dumps({"since": 1e11, "identity": here}))
    found = read(home)
    assert found is not None
    assert (found.is_running, found.written) == (True, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"since": "x"}', '{"since": 1, "identity": 5}'])
def test_an_unreadable_note_counts_as_none(home: Home, text: str) -> None:
    home.packing.write_text(text)
    assert read(home) is None
