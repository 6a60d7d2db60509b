"""The lines of the log as JSON: an object in each, with the fields that are known."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from zcasync.supervisor.log_lines import JsonLines, TextLines, lines_of


@pytest.fixture
def lines() -> JsonLines:
    return JsonLines()


def event(text: str, level: Any = LogLevel.info, **fields: Any) -> dict[str, Any]:
    base = {"log_time": 1767323045.25, "log_level": level, "log_namespace": "zcasync.here"}
    return {**base, "log_format": text, "log_logger": Logger(), **fields}


def read(line: str | None) -> dict[str, Any]:
    assert line is not None
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.isascii()
    return json.loads(line)  # type: ignore[no-any-return]


def test_an_event_has_time_level_logger_and_message(lines: JsonLines) -> None:
    found = read(lines.of_event(event("{what} süß\n\x1b", LogLevel.warn, what="it is")))

    assert found == {
        "time": "2026-01-02T03:04:05.250+00:00",
        "level": "warning",
        "logger": "zcasync.here",
        "message": "it is süß\n\x1b",
    }


def test_what_is_known_of_the_job_is_in_fields(lines: JsonLines) -> None:
    known = {"job": "0x7", "callable": "app.send", "attempt": 2, "slot": 3, "pid": 4711}
    found = read(lines.of_event(event("it is", **known, other="not for all to see")))

    assert {
        "job": "0x7",
        "callable": "app.send",
        "attempt": 2,
        "child": 3,
        "pid": 4711,
    }.items() <= (found.items())
    assert "other" not in found
    assert "job" not in read(lines.of_event(event("{job} nobody's", job="-")))


def test_the_worker_is_in_all_lines_after_the_one_that_names_it(lines: JsonLines) -> None:
    assert "worker" not in read(lines.of_event(event("early")))
    lines.of_event(event("of {worker}", worker="one"))

    assert read(lines.of_event(event("late")))["worker"] == "one"
    assert read(lines.of_dropped(3))["worker"] == "one"


def test_a_traceback_is_a_field(lines: JsonLines) -> None:
    try:
        raise ValueError("no good")
    except ValueError:
        failure, info = Failure(), sys.exc_info()
    found = read(lines.of_event(event("while so", LogLevel.critical, log_failure=failure)))
    record = logging.LogRecord("lib", logging.ERROR, "lib.py", 1, "it %s", ("failed",), info)
    told = read(lines.of_record(record))

    assert (found["level"], found["message"]) == ("critical", "while so")
    assert "ValueError: no good" in found["traceback"]
    assert (told["level"], told["logger"], told["message"]) == ("error", "lib", "it failed")
    assert "ValueError: no good" in told["traceback"]


def test_a_traceback_behind_a_message_is_one_too(lines: JsonLines) -> None:
    text = "job 0x7 failed\nTraceback (most recent call last):\n  File ...\nValueError: no"
    found = read(lines.of_event(event("{line}", line=text)))

    assert found["message"] == "job 0x7 failed"
    assert found["traceback"].startswith("Traceback")


def test_an_event_that_says_nothing_has_no_line(lines: JsonLines) -> None:
    assert lines.of_event({"log_time": 1.0, "log_level": LogLevel.info}) is None


def test_dropped_lines_are_told_with_their_number(lines: JsonLines) -> None:
    found = read(lines.of_dropped(1234))

    assert (found["dropped"], found["message"][:19]) == (1234, "1,234 lines dropped")
    assert "1,234 lines dropped" in TextLines().of_dropped(1234)


def test_text_is_what_there_is_without_a_format() -> None:
    assert isinstance(lines_of("json"), JsonLines)
    assert isinstance(lines_of("text"), TextLines)
