"""Any two operations at once meet where the table says, and leave every job in its place."""

from __future__ import annotations

import inspect

import pytest

from tests.meetings.meeting import meet
from tests.meetings.operations import OPERATIONS
from zcasync.job.attempt_record import AttemptRecord
from zcasync.job.checkpoint_record import CheckpointRecord
from zcasync.job.control_fields import ControlFields
from zcasync.job.record import PartialRecord
from zcasync.meetings import MADE_BY, meetings
from zcasync.queues.lane import Inbox, Lane, Page
from zcasync.queues.page_index import PageIndex
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.quota import Quota, QuotaUse
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.schedule import Schedule
from zcasync.workers.claims import ClaimList, SizedSequence
from zcasync.workers.completed import Completed
from zcasync.workers.incarnation import Incarnation, Ping
from zcasync.workers.undo_guard import UndoGuard
from zcasync.workers.worker import Worker, Workers

#: The methods that change nothing.
READERS: dict[type, set[str]] = {
    PartialQueue: {
        "iterDue", "count_held", "set_aside", "next_due", "has_callbacks_left", "lanes", "watched",
        "waits",
    },
    Lane: {
        "next_in_inbox", "upcoming", "first_filed", "following", "count", "count_filed",
        "unread", "unread_pages", "is_empty", "rank",
    },
    Page: {"is_at_once", "count_held"},
    Inbox: set(),
    PageIndex: {"notes"},
    ClaimList: set(),
    SizedSequence: {"index"},
    Worker: {"holds"},
    Workers: {"keys", "values", "items"},
    Completed: {"first", "last", "iter", "with_outcome"},
    Incarnation: set(),
    Ping: set(),
    AttemptRecord: set(),
    ControlFields: set(),
    CheckpointRecord: set(),
    PartialRecord: set(),
    UndoGuard: set(),
    QuotaUse: set(),
    Quota: {"holders", "recent"},
    Agenda: {"get", "names", "schedules", "first", "due", "next_after", "has_entry"},
    Schedule: {"next_ticks", "timing", "behind", "why_unusable"},
}  # fmt: skip


@pytest.mark.parametrize("first", OPERATIONS)
def test_two_operations_meet_where_the_table_says_and_every_job_is_in_its_place(
    first: str,
) -> None:
    table = meetings()
    found = {second: meet(first, second) for second in OPERATIONS}
    assert {second: where for second, (where, _) in found.items()} == {
        second: table[first, second] for second in OPERATIONS
    }
    assert not [(second, faults) for second, (_, faults) in found.items() if faults]


def test_the_table_has_every_operation() -> None:
    assert {first for first, _ in meetings()} == set(OPERATIONS)


@pytest.mark.parametrize("kind", READERS)
def test_every_method_that_changes_a_record_is_one_of_an_operation(kind: type) -> None:
    methods = {
        name
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert READERS[kind] <= methods, "the list names a method that is not there"
    changing = {f"{kind.__name__}.{name}" for name in methods - READERS[kind]}
    assert changing == {name for name in MADE_BY if name.startswith(f"{kind.__name__}.")}


def test_what_makes_a_change_is_an_operation() -> None:
    named = {name for names in MADE_BY.values() for name in names.split()}
    assert named <= set(OPERATIONS)
