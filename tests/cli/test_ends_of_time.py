"""Jobs at the ends of what a datetime can hold break nothing that commands print."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.cli.conftest import Result
from tests.support.clocks import wrong_by
from tests.support.instance import Client
from zcasync import Partial, clock
from zcasync.job.ids import id_of
from zcasync.queues.client_lane import append

Cli = Callable[..., Result]

NOBODY = uuid.UUID(int=99)
EAST = timezone(timedelta(hours=14))
TIMES: dict[str, dict[str, Any]] = {
    "the first": {"begin_after": datetime.min.replace(tzinfo=UTC)},
    "the last": {"begin_after": datetime.max.replace(tzinfo=UTC)},
    "the last, for longer": {
        "begin_after": datetime.max.replace(tzinfo=EAST), "begin_by": timedelta.max,
    },
    "at once, for ever": {"begin_by": timedelta.max},
    "at once, for no time": {"begin_by": timedelta(days=99)},
    "a long delay": {"delay": timedelta(days=365 * 7000), "begin_by": timedelta.max},
}  # fmt: skip


@pytest.fixture
def odd(client: Client) -> Iterator[dict[str, str]]:
    """The ids of jobs with each of these times, and with some that no version should have let in.

    No worker may run them, and all were looked at by the one that is there.
    """
    partials = {}
    for name, options in TIMES.items():
        partial = Partial(abs, -1)
        partial.selectedUUIDs.add(NOBODY)
        partials[name] = client.manager.thread.put(partial, **options)
    client.commit()
    for name, due in (("before", clock.FIRST - 1), ("after", clock.LAST + 1), ("far", 2**62)):
        partial = Partial(abs, -1)
        partial.selectedUUIDs.add(NOBODY)
        partial.enter(client.manager.thread, None, due)  # as a put of an earlier version
        client.connection.add(partial)
        append(client.manager.thread, [partial])
        partials[name] = partial
    client.commit()
    client.wait_until(lambda: all_read(client), "the supervisor to read what waits")
    yield {name: id_of(partial) for name, partial in partials.items()}
    for partial in partials.values():
        client.manager.thread.withdraw(partial)
    client.commit()


def all_read(client: Client) -> bool:
    """Whether the inboxes are empty."""
    lanes = client.manager.thread.lanes().values()
    return all(lane.next_in_inbox() is None for lane in lanes)


@pytest.mark.parametrize(
    "words",
    [
        "jobs", "jobs --waiting", "jobs --waiting --sort due", "jobs --json", "status",
        "status --json", "top", "ghosts", "check --deep", "jobs --since 30000w",
    ],
)  # fmt: skip
def test_commands_show_what_waits_for_the_ends_of_time(
    cli: Cli, odd: dict[str, str], words: str
) -> None:
    result = cli(*words.split())
    assert (result.code, result.err) == (0, ""), result
    if words.startswith("jobs") and "since" not in words:
        assert [name for name, job in odd.items() if job not in result.out] == []


def test_monitoring_is_told_of_a_job_that_is_due_since_the_beginning(
    cli: Cli, odd: dict[str, str]
) -> None:
    result = cli("status", "--check")
    assert (result.code, result.err) == (2, ""), result
    assert result.out.startswith("ZCASYNC CRITICAL - a job is due for 63")


def test_a_job_is_shown_whatever_its_times(cli: Cli, odd: dict[str, str]) -> None:
    for name, job in odd.items():
        for words in (["job", job], ["job", "--json", job]):
            result = cli(*words)
            assert (result.code, result.err) == (0, ""), name
            assert job in result.out


def test_a_job_that_is_due_at_once_is_not_shown_as_one_for_later(cli: Cli, client: Client) -> None:
    partial = Partial(abs, -1)
    partial.selectedUUIDs.add(NOBODY)
    with wrong_by(3600):
        client.manager.thread.put(partial)
        client.commit()
    [row] = [line for line in cli("jobs").out.splitlines() if id_of(partial) in line]
    assert "ago" in row
    assert "in 1 h" not in row
    client.wait_until(lambda: all_read(client), "the supervisor to read what waits")
    client.manager.thread.withdraw(partial)
    client.commit()
