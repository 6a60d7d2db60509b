"""What status, jobs and job look like in terminals of 80, 100 and 200 columns.

The files in ``screens/`` are what is printed; ``ZCASYNC_WRITE_SCREENS=1`` writes them anew.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import transaction
import ZODB
from ZODB.FileStorage import FileStorage

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.jobs.orders import Order, paid, unpaid
from tests.support import scenes
from zcasync import Partial, clock
from zcasync.datamanager import DataManager
from zcasync.errors import JobCancelled, JobCrashed
from zcasync.job.failure import from_exception
from zcasync.job.ids import id_of

Cli = Callable[..., Result]

SCREENS = Path(__file__).with_name("screens")
HERE, THERE, GONE = (
    uuid.UUID(f"{digit * 8}-0000-4000-8000-000000000000") for digit in ("a", "b", "c")
)
ROOT_KEY = "zc.async.datamanager"
CONFIGURATION = """
<zodb>
  <filestorage>
    path {path}
  </filestorage>
</zodb>
"""


class Shop:
    """A database of a home with jobs in every state, and a worker elsewhere that has claimed."""

    def __init__(self, home: Path) -> None:
        (home / "etc").mkdir(parents=True)
        home.chmod(0o700)
        path = home / "Data.fs"
        (home / "etc" / "uuid.txt").write_text(f"{HERE}\n")
        (home / "etc" / "zcasync.conf").write_text(CONFIGURATION.format(path=path))
        self.db = ZODB.DB(FileStorage(str(path)))
        self.connection = self.db.open()
        root = self.connection.root()
        self.manager = root[ROOT_KEY] = DataManager()
        self.order = root["order"] = Order()
        transaction.commit()
        self.queue = self.manager.thread
        self.ids: dict[str, str] = {}
        with ago(125):
            self.worker = scenes.serve(self, THERE, scenes.ELSEWHERE, promise=600.0)
        self._fill()
        self.db.close()

    def commit(self) -> None:
        transaction.commit()

    def put(self, name: str, call: Any, *args: Any, **kwargs: Any) -> Partial:
        """Put a call that was due twelve minutes ago."""
        with ago(12 * 60 + 10):
            partial = self.queue.put(Partial(call, *args, **kwargs))
        self.commit()
        self.ids[name] = id_of(partial)
        return partial

    def end(self, name: str, result: Any, *args: Any, **kwargs: Any) -> Partial:
        """Have a call end two minutes ago, after two seconds."""
        partial = self.put(name, self.order.charge, *args, **kwargs)
        self.queue.withdraw(partial)
        partial._queue = self.queue
        partial.assign(self.worker.incarnation)
        with ago(125):
            partial.record_attempt(1, clock.now() - 2_000_000, 0, 0)
            partial.finish(result)
        self.worker.completed.add(partial)
        self.commit()
        return partial

    def _fill(self) -> None:
        self._end_some()
        active = self.put("at work", self.order.charge, 1, number=2)
        reserved = self.put("reserved", jobs.echo, "x" * 100, [1, 2, 3, 4, 5, 6], {"a": object()})
        waits = self.put("waits", jobs.echo, self.order)
        for one in (active, reserved, waits):
            self.queue.withdraw(one)
            one._queue = self.queue
            one.assign(self.worker.incarnation)
        self.worker.thread.lists(1)[0].items = (active, reserved)
        due = self.put("due", self.order.charge, 5)
        waits.wait_for(due)
        held = self.queue.put(Partial(jobs.echo), datetime.now(UTC) + timedelta(hours=5, minutes=1))
        selected = self.put("selected", jobs.echo, 7)
        selected.selectedUUIDs.add(GONE)
        self.ids["held"] = id_of(held)
        again = self.queue.put(
            Partial(self.order.charge, 9),
            datetime.now(UTC) + timedelta(hours=1, minutes=1, seconds=10),
        )
        again.record_attempt(1, clock.now() - 127_000_000, 0, 1)
        again.remember(
            from_exception(ConnectionError("the bank is away")), clock.now() - 60_000_000
        )
        self.ids["retry"] = id_of(again)
        self.commit()
        self._schedule()

    def _schedule(self) -> None:
        """Two schedules that an engine has seen, and one that was paused: it has no next tick."""
        hour, schedules = 3_600_000_000, self.manager.schedules
        nightly = schedules.add(
            "nightly", self.order.charge, 1, every=86400, jitter=300, catch_up="all",
            begin_by=timedelta(hours=1),
        )  # fmt: skip
        poll = schedules.add("poll the bank", jobs.echo, every=7200)
        schedules.add("old", jobs.nothing, cron="*/5 8-17 * * mon-fri", zone="America/New_York")
        schedules.pause("old")
        agenda = self.manager.require_agenda()
        agenda.file(poll, poll.plan(clock.now() - hour + 60_000_000))
        for name, before in [("good", 3), ("failed", 2), ("cancelled", 1), ("at work", 0)]:
            oid = int(self.ids[name], 16).to_bytes(8)
            nightly.note_run(clock.now() - before * 24 * hour - 125_000_000, oid)
        poll.note_run(clock.now() - 125_000_000, int(self.ids["failed"], 16).to_bytes(8))
        poll.note_skipped()
        agenda.file(nightly, nightly.plan(clock.now() - 19 * hour + 60_000_000))
        nightly.decide(clock.now() - 125_000_000)
        self.commit()

    def _end_some(self) -> None:
        self.end("good", None, 3).addCallback(paid)
        failed = self.end("failed", _raised(self.order.charge, 4), 4, note="in the evening")
        failed.addCallbacks(paid, unpaid)
        crash = JobCrashed(
            "interrupted 10 times; the last time: child process 7 exited with 3",
            who="child process 7",
            times=10,
        )
        output = ("charging", "out of paper")
        died = from_exception(crash, pid=7, exit_code=3, output=output)
        self.end("crashed", died, 5)._attempts = 10
        self.end("cancelled", from_exception(JobCancelled("cancelled by anna", who="anna")), 6)
        self.commit()


def ago(seconds: int) -> Any:
    """Let it be so many seconds ago."""
    moment = clock.now() - seconds * 1_000_000
    return mock.patch.object(clock, "now", return_value=moment)


def _raised(call: Callable[..., Any], *args: Any) -> Any:
    try:
        call(*args)
    except ValueError as error:
        return from_exception(error)
    raise AssertionError("it raises")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    home = tmp_path_factory.mktemp("screens") / "home"
    home.mkdir()
    return home, Shop(home).ids


def steady(text: str, home: Path) -> str:
    """A screen without what differs from run to run; what is replaced keeps its length."""
    text = text.replace(str(home), "/home/shop")
    text = re.sub(r"\d{4}-\d\d-\d\d(\s+)\d\d:\d\d:\d\d", r"2026-01-02\g<1>03:04:05", text)
    text = re.sub(r"(Engine +)[0-9a-f]{8}-[-0-9a-f]{27}", rf"\g<1>{HERE}", text)
    text = re.sub(r"retries at (2026-01-02 )?\d\d:\d\d:\d\d", "retries at 03:04:05", text)
    return re.sub(r'File "[^"]*/([^"/]+)", line \d+', r'File "\1", line N', text)


@pytest.mark.parametrize("columns", [80, 100, 200])
@pytest.mark.parametrize(
    "screen",
    [
        "status",
        "jobs",
        "job failed",
        "job retry",
        "job crashed",
        "job cancelled",
        "job waits",
        "schedules",
        "schedule nightly",
        "schedule old",
    ],
)
def test_a_screen(
    shop: tuple[Path, dict[str, str]],
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    screen: str,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    home, ids = shop
    command, _, name = screen.partition(" ")
    done = cli(command, *([ids.get(name, name)] if name else []), "--home", home)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    own = done.out.partition("  Traceback")[0].splitlines()  # what follows is not ours to wrap
    texts = [line for line in own if str(home) not in line]
    assert max(map(len, texts)) <= columns
    assert [line for line in lines if line != line.rstrip()] == []
    assert "0x7f" not in done.out, "no addresses"
    path = SCREENS / f"{screen.replace(' ', '-')}-{columns}.txt"
    shown = steady(done.out, home)
    if os.environ.get("ZCASYNC_WRITE_SCREENS"):
        path.write_text(shown)
    assert shown == path.read_text()


def test_every_id_that_is_printed_is_whole_and_taken(
    shop: tuple[Path, dict[str, str]], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    home, ids = shop
    listed = cli("jobs", "--home", home).out
    for one in ids.values():
        assert len(re.findall(rf"^{one} ", listed, re.MULTILINE)) == 1, one
        assert cli("job", one.removeprefix("0x"), "--home", home).code == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--failed"], {"failed", "crashed"}),
        (["--cancelled"], {"cancelled"}),
        (["--failed", "--cancelled"], {"failed", "crashed", "cancelled"}),
        (["--waiting"], {"due", "held", "selected", "retry", "waits"}),
        (["--state", "active"], {"at work", "reserved", "waits"}),
        (["--call", "Order.charge", "--state", "pending"], {"due", "retry"}),
        (["--queue", "reactor"], set()),
        (["--since", "30s", "--state", "completed"], set()),
        (["--since", "5m", "--failed"], {"failed", "crashed"}),
    ],
)
def test_a_selection(
    shop: tuple[Path, dict[str, str]], cli: Cli, options: list[str], expected: set[str]
) -> None:
    home, ids = shop
    names = {one: name for name, one in ids.items()}
    found = cli("jobs", *options, "--home", home, "--json").json["jobs"]
    assert {names[one["id"]] for one in found} == expected


def test_jobs_are_sorted_over_all_that_fit(shop: tuple[Path, dict[str, str]], cli: Cli) -> None:
    home, ids = shop
    first = cli("jobs", "--sort", "attempts", "--limit", "1", "--home", home, "--json").json["jobs"]
    assert [one["id"] for one in first] == [ids["crashed"]]
    dues = [
        one["begin_after"]
        for one in cli("jobs", "--sort", "due", "--home", home, "--json").json["jobs"]
    ]
    assert dues == sorted(dues)


def test_why_a_job_does_not_start_is_data_too(shop: tuple[Path, dict[str, str]], cli: Cli) -> None:
    home, ids = shop
    found = {one["id"]: one for one in cli("jobs", "--home", home, "--json").json["jobs"]}
    why = {name: found[one]["reason"] for name, one in ids.items()}
    assert why["held"].startswith("held until ")
    assert why["selected"] == "selected for a worker that is not there (cccccccc)"
    assert why["due"] == "waits for its turn"
    assert why["waits"] == f"waits for job {ids['due']}"
    assert why["failed"] is None
    assert {name for name, one in ids.items() if found[one]["reserved"]} == {"reserved"}
    assert found[ids["crashed"]]["failure"]["times"] == 10
    assert found[ids["cancelled"]]["failure"]["who"] == "anna"


def test_status_counts_the_failed_and_the_cancelled_apart(
    shop: tuple[Path, dict[str, str]], cli: Cli
) -> None:
    home, ids = shop
    shown = cli("status", "--home", home, "--json").json
    [worker] = shown["workers"]
    counts = {name: worker[name] for name in ("completed", "succeeded", "failed", "cancelled")}
    assert counts == {"completed": 4, "succeeded": 1, "failed": 2, "cancelled": 1}
    oldest = shown["queues"]["thread"]["oldest_due"]
    assert oldest["id"] == ids["due"]
    assert 12 * 60 <= oldest["seconds"] < 13 * 60
