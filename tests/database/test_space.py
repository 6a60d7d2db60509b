"""How large the embedded default's database is, how it grows, and what its disk has left."""

from __future__ import annotations

import json
import os

import pytest

from zcasync.database import space
from zcasync.database.space import DAY_SECONDS, MOST_NOTES, growth, look, note
from zcasync.instance.home import Home

MEGABYTE = 10**6


class Time:
    """The time of day."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += days * DAY_SECONDS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(space, "time", made)
    return made


def write(home: Home, size: int, blobs: int = 0) -> None:
    home.data_fs.write_bytes(b"")
    os.truncate(home.data_fs, size)
    (home.blobs / "0x01").mkdir(parents=True, exist_ok=True)
    (home.blobs / "0x01" / "one.blob").write_bytes(b"x" * blobs)


def test_without_a_database_there_is_nothing_to_say(home: Home) -> None:
    note(home)
    assert look(home) is None
    assert not home.space.exists()


def test_sizes_are_those_of_the_file_and_of_the_last_note(home: Home) -> None:
    write(home, MEGABYTE, 700)
    found = look(home)
    assert found is not None
    assert (found.size, found.blobs, found.growth, found.days_left) == (MEGABYTE, None, None, None)
    assert (found.free or 0) > 0
    note(home)
    found = look(home)
    assert found is not None
    assert found.blobs == 700
    assert home.space.stat().st_mode & 0o077 == 0


def test_growth_is_known_after_a_day(home: Home, clock: Time) -> None:
    write(home, MEGABYTE)
    note(home)
    clock.pass_days(0.9)
    write(home, 11 * MEGABYTE)
    found = look(home)
    assert found is not None
    assert found.growth is None
    clock.pass_days(0.1)
    found = look(home)
    assert found is not None
    assert found.growth == 10 * MEGABYTE
    assert found.days_left == pytest.approx(found.free / (10 * MEGABYTE))


def test_what_a_pack_gives_back_is_no_growth() -> None:
    sizes = [10, 20, 30, 5, 15, 25]
    notes = [(day * DAY_SECONDS, size, 0) for day, size in enumerate(sizes)]
    assert growth(notes) == round(40 / 5)
    shrinking = [(day * DAY_SECONDS, 100 - day, 0) for day in range(5)]
    assert growth(shrinking) == 0


def test_a_database_that_does_not_grow_fills_no_disk(home: Home, clock: Time) -> None:
    write(home, MEGABYTE)
    note(home)
    clock.pass_days(3)
    found = look(home)
    assert found is not None
    assert (found.growth, found.days_left) == (0, None)


def test_some_notes_are_kept_and_none_of_the_future(home: Home, clock: Time) -> None:
    for number in range(2 * MOST_NOTES):
        clock.pass_days(0.25)
        write(home, number * 1000)
        note(home)
    assert len(json.loads(home.space.read_text())) == MOST_NOTES
    clock.pass_days(-0.6)
    note(home)
    times = [one[0] for one in json.loads(home.space.read_text())]
    assert times == sorted(times)
    assert times[-1] == clock.now


@pytest.mark.parametrize("text", ["", "{", "[1]", "[[1]]", "null", '[["x", 1, 1]]'])
def test_an_unreadable_file_of_notes_counts_as_none(home: Home, text: str) -> None:
    write(home, MEGABYTE)
    home.space.write_text(text)
    found = look(home)
    assert found is not None
    assert found.growth is None
    note(home)
    assert len(json.loads(home.space.read_text())) == 1
