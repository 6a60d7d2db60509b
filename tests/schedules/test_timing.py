"""Which moments are ticks: in the nights when clocks are set, on leap days, and backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zcasync import clock
from zcasync.schedules import timing
from zcasync.schedules.timing import SECOND, Cron, Every, moments, zone_of

HOUR = 3600 * SECOND


def local(text: str, zone: str) -> int:
    """A moment by the clocks of a zone."""
    return clock.from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)), "")


def ticks(text: str, zone: str, since: str, count: int) -> list[str]:
    """The ticks behind a moment, as clocks there show them, with the difference from UTC."""
    found = moments(Cron(text, zone), local(since, zone), count)
    return [f"{one.astimezone(ZoneInfo(zone)):%d %H:%M:%S %z}" for one in found]


# clocks are set forward: there is no time from 2 to 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["28 02:30:00 +0100", "29 03:00:00 +0200", "30 02:30:00 +0200"]),
        ("0,30 2 * * *", ["28 02:00:00 +0100", "28 02:30:00 +0100", "29 03:00:00 +0200",
                          "30 02:00:00 +0200"]),
        ("30 2,3 29 * *", ["29 03:00:00 +0200", "29 03:30:00 +0200", "29 02:30:00 +0200"]),
        ("30 * 29 * *", ["29 00:30:00 +0100", "29 01:30:00 +0100", "29 03:30:00 +0200"]),
        ("*/30 1-4 29 * *", ["29 01:00:00 +0100", "29 01:30:00 +0100", "29 03:00:00 +0200"]),
        ("0 30 2 * * *", ["28 02:30:00 +0100", "30 02:30:00 +0200", "31 02:30:00 +0200"]),
    ],
)  # fmt: skip
def test_clocks_that_are_set_forward_in_berlin(text: str, expected: list[str]) -> None:
    assert ticks(text, "Europe/Berlin", "2026-03-28T00:00", len(expected)) == expected


def test_clocks_that_are_set_forward_in_new_york() -> None:
    found = ticks("30 2 * * *", "America/New_York", "2026-03-07T00:00", 3)
    assert found == ["07 02:30:00 -0500", "08 03:00:00 -0400", "09 02:30:00 -0400"]


# clocks are set back: there is the time from 2 to 3 (in New York from 1 to 2) twice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["24 02:30:00 +0200", "25 02:30:00 +0200", "26 02:30:00 +0100"]),
        ("30 * 25 * *", ["25 00:30:00 +0200", "25 01:30:00 +0200", "25 02:30:00 +0200",
                         "25 02:30:00 +0100", "25 03:30:00 +0100"]),
        ("*/30 2 25 * *", ["25 02:00:00 +0200", "25 02:30:00 +0200", "25 02:00:00 +0100",
                           "25 02:30:00 +0100"]),
        ("0 30 2 25 * *", ["25 02:30:00 +0200", "25 02:30:00 +0100"]),
    ],
)  # fmt: skip
def test_clocks_that_are_set_back_in_berlin(text: str, expected: list[str]) -> None:
    assert ticks(text, "Europe/Berlin", "2026-10-24T00:00", len(expected)) == expected


def test_clocks_that_are_set_back_in_new_york() -> None:
    found = ticks("30 1 * * *", "America/New_York", "2026-10-31T00:00", 3)
    assert found == ["31 01:30:00 -0400", "01 01:30:00 -0400", "02 01:30:00 -0500"]


@pytest.mark.parametrize("fold", [0, 1])
def test_a_tick_of_the_hour_that_is_there_twice_does_not_come_again(fold: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    cron = Cron("30 2 * * *", "Europe/Berlin")
    between = datetime(2026, 10, 25, 2, 45 if fold == 0 else 10, tzinfo=zone, fold=fold)
    found = moments(cron, clock.from_datetime(between, ""), 1)
    assert found == [datetime(2026, 10, 26, 2, 30, tzinfo=zone)]


def test_leap_days_and_the_end_of_months() -> None:
    since = clock.from_datetime(datetime(2026, 1, 1, tzinfo=UTC), "")
    leap = moments(Cron("0 0 29 2 *"), since, 3)
    assert [one.year for one in leap] == [2028, 2032, 2036]
    last = moments(Cron("0 0 L * *"), since, 3)
    assert [(one.month, one.day) for one in last] == [(1, 31), (2, 28), (3, 31)]


# the last ticks, looked for from their end

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tehran", "Pacific/Apia", "UTC"]
CRONS = [
    "30 2 * * *", "*/30 * * * *", "15 1,2,3 * * *", "5 */2 * * *", "*/7 2 * * *", "0 30 2 * * *",
    "0,30 1-3 * * 0", "0 12 1 * *", "10-50/10 0-3 * * *", "7 */5 * * * *",
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    st.sampled_from(["2026-03-08", "2026-03-28", "2026-10-24", "2026-11-01", "2011-12-29"]),
    st.integers(0, 86400),
    st.integers(1, 3 * 86400),
    st.sampled_from([1, 3, 100]),
)
def test_the_last_ticks_are_those_that_are_found_one_by_one(
    text: str, zone: str, day: str, offset: int, seconds: int, count: int
) -> None:
    first = clock.from_datetime(datetime.fromisoformat(day).replace(tzinfo=UTC), "")
    first += offset * SECOND
    now, cron, found = first + seconds * SECOND, Cron(text, zone), []
    tick = cron.following(first - 1)
    while tick is not None and tick <= now:
        found.append(tick)
        tick = cron.following(tick)
    assert cron.latest(first, now, count) == found[-count:]


def test_the_last_seconds_of_years_are_found_at_once() -> None:
    first = clock.from_datetime(datetime(1990, 1, 1, tzinfo=UTC), "")
    now = clock.from_datetime(datetime(2026, 1, 1, tzinfo=UTC), "")
    for one in (Cron("* * * * * *"), Every(SECOND, first)):
        assert one.latest(first, now, 3) == [now - 2 * SECOND, now - SECOND, now]


def test_intervals_count_from_their_anchor_in_both_directions() -> None:
    every = Every(10 * SECOND, 100 * SECOND)
    assert every.following(100 * SECOND) == 110 * SECOND
    assert every.following(99 * SECOND) == 100 * SECOND
    assert every.following(5 * SECOND) == 10 * SECOND
    assert every.latest(25 * SECOND, 50 * SECOND, 9) == [n * SECOND for n in (30, 40, 50)]
    assert every.following(clock.LAST) is None


def test_the_end_of_time_has_no_ticks() -> None:
    assert Cron("0 3 * * *").following(clock.LAST - HOUR) is None


# what is wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "wrong number of fields"),
        ("0 3 * *", "wrong number of fields"),
        ("0 0 3 * * * *", "wrong number of fields"),
        ("@daily", "wrong number of fields"),
        ("60 3 * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 3 32 * *", "bad day-of-month"),
        ("0 3 30 2 *", "bad day-of-month"),
        ("0 3 * 13 *", "bad month"),
        ("0 3 * * 8", "bad day-of-week"),
        ("-1 3 * * *", "bad minute"),
        ("*/0 3 * * *", "bad minute"),
        ("0 3 * * mon-", "bad day-of-week"),
        ("\u0663 3 * * *", "bad minute"),
        ("0 " * 300, "200 characters at most"),
        ("9" * 199, "wrong number of fields"),
    ],
)
def test_a_wrong_cron_expression_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cron(text)


def test_the_refusal_of_a_cron_expression_says_what_is_right() -> None:
    with pytest.raises(ValueError, match="cron") as refused:
        Cron("0 3 * *")
    assert str(refused.value) == (
        "'0 3 * *' is no cron expression (wrong number of fields): it has five fields, minute hour "
        "day-of-month month day-of-week, such as '0 3 * * mon-fri', or six with the second in front"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Berin", "there is no time zone 'Europe/Berin': did you mean Europe/Berlin?"),
        ("", "there is no time zone '': it is one such as Europe/Berlin"),
        ("../etc/passwd", "there is no time zone '../etc/passwd'"),
        ("Europe", "there is no time zone 'Europe'"),
        ("a\0b", "there is no time zone"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest_name(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone") as refused:
        zone_of(name)
    assert words in str(refused.value)


def test_a_machine_without_data_of_time_zones_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing.zoneinfo, "TZPATH", ())
    monkeypatch.setattr(timing.zoneinfo, "available_timezones", set)
    with pytest.raises(ValueError, match="pip install tzdata"):
        zone_of("Atlantis/Capital")
    assert zone_of("UTC") is UTC


@pytest.mark.parametrize("wrong", ["1", None, True])
def test_what_is_no_time_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="every must be seconds or a timedelta"):
        timing.microseconds_of(wrong, "every")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, timedelta(seconds=-1), float("nan"), float("inf"), 1e300])
def test_a_time_that_cannot_pass_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"every (must not be negative|is no time that can pass)"):
        timing.microseconds_of(wrong, "every")
