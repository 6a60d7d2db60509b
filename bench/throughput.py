"""Jobs a second, as ratios to raw commits through the same database server in the same run.

``python bench/throughput.py`` starts a supervisor with two children in a temporary home, measures
raw commits of two small records before and after (the floor), puts, bulk puts, the drain of no-op
jobs, the time from a commit to the start of its job, and the growth of the file a job.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import transaction
from persistent.mapping import PersistentMapping

import zcasync
from zcasync.datamanager import find
from zcasync.interfaces import COMPLETED

#: The call of the no-op jobs: does nothing, has no arguments, lives in every Python.
NOOP = time.time


def floor(connection: Any, count: int) -> float:
    """Raw commits of two small records a second."""
    root = connection.root()
    one = root["bench one"] = PersistentMapping()
    two = root["bench two"] = PersistentMapping()
    transaction.commit()
    began = time.perf_counter()
    for number in range(count):
        one["value"] = two["value"] = number
        transaction.commit()
    return count / (time.perf_counter() - began)


def latency(manager: Any, count: int) -> list[float]:
    """Milliseconds from the end of a put's commit to the start of its job."""
    found = []
    for _ in range(count):
        partial = manager.thread.put(NOOP)
        transaction.commit()
        committed = time.time_ns() // 1000
        wait([partial])
        found.append((partial._started - committed) / 1000)
    return sorted(found)


def wait(partials: list[Any]) -> None:
    """Until the last of them is completed."""
    while partials[-1].state != COMPLETED:
        time.sleep(0.001)
        transaction.begin()


def drained(manager: Any, partials: list[Any]) -> None:
    """Until all are completed and retired."""
    worker = manager.workers.values()[0]
    wait(partials)
    while len(manager.thread) or len(worker.thread):
        time.sleep(0.002)
        transaction.begin()
    assert all(partial.state == COMPLETED for partial in partials)


def measure(home: Path, count: int) -> dict[str, float]:
    """All figures."""
    db = zcasync.open(home)
    connection = db.open()
    manager: Any = find(connection)
    data = home / "var" / "Data.fs"
    rows: dict[str, float] = {"floor before, commits/s": floor(connection, count)}
    delays = latency(manager, 30)
    rows["commit to start p50, ms"] = statistics.median(delays)
    rows["commit to start p95, ms"] = delays[int(0.95 * len(delays))]
    worker = manager.workers.values()[0]
    worker.thread.size = 0
    transaction.commit()
    began = time.perf_counter()
    before = data.stat().st_size
    partials = []
    for _ in range(count):
        partials.append(manager.thread.put(NOOP))
        transaction.commit()
    rows["put/s"] = count / (time.perf_counter() - began)
    worker.thread.size = 2
    transaction.commit()
    wait(partials[:1])  # the children have booted
    began, left = time.perf_counter(), len(manager.thread) + len(worker.thread)
    drained(manager, partials)
    rows["drain/s"] = left / (time.perf_counter() - began)
    rows["bytes a job"] = (data.stat().st_size - before) / count
    began = time.perf_counter()
    many = manager.thread.put_many([NOOP] * count)
    transaction.commit()
    rows["put_many/s"] = count / (time.perf_counter() - began)
    drained(manager, many)
    rows["floor after, commits/s"] = floor(connection, count)
    level = (rows["floor before, commits/s"] + rows["floor after, commits/s"]) / 2
    rows["put / floor"] = rows["put/s"] / level
    rows["drain / floor"] = rows["drain/s"] / level
    transaction.abort()
    connection.close()
    db.close()
    return rows


def main() -> None:
    """Start a supervisor, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="zc"))
    home = folder / "home"
    command = [sys.executable, "-m", "zcasync.cli.main", "run", "--children", "2"]
    supervisor = subprocess.Popen(
        [*command, "--home", os.fspath(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline().startswith("zcasync ready")
        rows = measure(home, options.jobs)
    finally:
        supervisor.terminate()
        supervisor.wait(60)
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        for name, value in rows.items():
            print(f"{name:<26}{value:>12,.2f}")


if __name__ == "__main__":
    main()
