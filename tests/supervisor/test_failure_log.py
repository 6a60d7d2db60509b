"""Failures have a line each in the log, and those that are alike one together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twisted.internet.task import Clock

from tests.support.scenes import Said
from zcasync.perform.notices import Notice
from zcasync.supervisor.failure_log import MOST_KINDS, PERIOD_SECONDS, FailureLog

FAILED = Notice(
    job="0x1a",
    callback_of="",
    call="shop.charge",
    attempts=1,
    type="ValueError",
    message="no card",
    traceback="Traceback (most recent call last):\n  ...\nValueError: no card\n",
    again_at=None,
)
NOON = 1_767_182_405_000_000  # 2025-12-31 12:00:05 UTC


@pytest.fixture
def failures(reactor: Clock) -> FailureLog:
    return FailureLog(reactor)


def test_a_failure_has_one_line_and_its_traceback(failures: FailureLog, said: Said) -> None:
    failures.tell(FAILED)
    assert said.lines == [
        "job 0x1a (shop.charge) failed after 1 attempt: ValueError: no card\n"
        "Traceback (most recent call last):\n  ...\nValueError: no card"
    ]


def test_a_retry_has_a_line_with_its_time(failures: FailureLog, said: Said) -> None:
    failures.tell(replace(FAILED, attempts=2, again_at=NOON))
    assert said.lines == [
        "job 0x1a (shop.charge) failed in attempt 2 and is attempted again at "
        "2025-12-31 12:00:05 UTC: ValueError: no card"
    ]


def test_a_callback_is_named_with_its_job(failures: FailureLog, said: Said) -> None:
    failures.tell(replace(FAILED, callback_of="0x19", attempts=3))
    assert said.lines[0].startswith(
        "job 0x1a (shop.charge), a callback of job 0x19, failed after 3 attempts: ValueError"
    )


def test_a_thousand_alike_in_a_minute_are_a_line_and_a_count(
    failures: FailureLog, said: Said, reactor: Clock
) -> None:
    for number in range(1000):
        failures.tell(replace(FAILED, job=hex(number)))
    assert len(said.lines) == 1
    reactor.advance(PERIOD_SECONDS)
    assert said.lines[1:] == [
        "... and 999 more like this in the last minute, the last one job 0x3e7: "
        "shop.charge failed: ValueError: no card"
    ]
    reactor.advance(PERIOD_SECONDS)
    assert len(said.lines) == 2
    assert reactor.getDelayedCalls() == []


def test_the_next_minute_begins_with_a_line_again(
    failures: FailureLog, said: Said, reactor: Clock
) -> None:
    failures.tell(FAILED)
    reactor.advance(PERIOD_SECONDS)
    assert len(said.lines) == 1
    failures.tell(FAILED)
    assert len(said.lines) == 2


def test_failures_that_all_differ_are_bounded_too(
    failures: FailureLog, said: Said, reactor: Clock
) -> None:
    for number in range(MOST_KINDS + 1500):
        failures.tell(replace(FAILED, message=f"no card {number}"))
    assert len(said.lines) == MOST_KINDS
    reactor.advance(PERIOD_SECONDS)
    assert said.lines[MOST_KINDS:] == [
        "... and 1,500 more failures of other kinds in the last minute; zcasync jobs lists the jobs"
    ]


def test_a_flood_of_retries_silences_no_final_failure(
    failures: FailureLog, said: Said, reactor: Clock
) -> None:
    for number in range(MOST_KINDS + 7):
        failures.tell(replace(FAILED, message=f"busy {number}", again_at=NOON))
    said_before = len(said.lines)
    failures.tell(FAILED)
    assert [one.splitlines()[0] for one in said.lines[said_before:]] == [
        "job 0x1a (shop.charge) failed after 1 attempt: ValueError: no card"
    ]
    reactor.advance(PERIOD_SECONDS)
    assert said.lines[said_before + 1 :] == [
        "... and 7 more retries of other kinds in the last minute; zcasync jobs lists the jobs"
    ]


@pytest.mark.parametrize("again_at", [None, NOON])
def test_what_calls_raise_looks_like_no_line_of_ours(
    failures: FailureLog, said: Said, reactor: Clock, again_at: int | None
) -> None:
    odd = "no\ncard\r\u2028\x1b[2J"
    for _ in range(2):
        failures.tell(
            replace(FAILED, call=odd, type=odd, message=odd, traceback="", again_at=again_at)
        )
    reactor.advance(PERIOD_SECONDS)
    assert len(said.lines) == 2
    for one in said.lines:
        assert one.rstrip("\n").isprintable()
        assert one.count(r"no\ncard\r\u2028\x1b[2J") == 3


def test_a_stop_says_what_was_only_counted(
    failures: FailureLog, said: Said, reactor: Clock
) -> None:
    failures.tell(FAILED)
    failures.tell(FAILED)
    failures.sum_up()
    assert said.lines[1].startswith("... and 1 more like this")
    assert reactor.getDelayedCalls() == []
