"""How often writers meet: 8 processes that put and 2 that claim, for three layouts of a queue.

Run it with ``python bench/contention.py``; it takes about two minutes on two slow cores, starts a
database server of its own for each layout, and leaves nothing behind.  The layouts: one BTree for
all, zc.queue's CompositeQueue (when zc.queue is installed), and the lanes that zcasync uses.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import transaction
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.POSException import ConflictError

from zcasync.datamanager import Worker, install
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.incarnation import Incarnation

PUTTERS = 8
CLAIMERS = 2
#: How many a claimer takes in one transaction.
BATCH = 10


class Item(Persistent):
    """Stands for a partial in the two layouts that are not ours."""

    state = "pending"


class Layout:
    """What the layouts have in common."""

    def done(self, claimer: int) -> None:
        """A claim is committed."""


class OneTree(Layout):
    """All items in one BTree, by time."""

    def make(self, root: Any) -> None:
        root["queue"] = OOBTree()

    def put(self, root: Any, number: int) -> None:
        root["queue"][(time.time_ns(), os.getpid(), number)] = Item()

    def claim(self, root: Any, claimer: int) -> int:
        tree = root["queue"]
        keys = list(tree.keys()[:BATCH]) if tree else []
        for key in keys:
            tree.pop(key).state = "active"
        return len(keys)


class Composite(Layout):
    """zc.queue's CompositeQueue, whose buckets resolve conflicts on the server."""

    def make(self, root: Any) -> None:
        from zc.queue import CompositeQueue

        root["queue"] = CompositeQueue()

    def put(self, root: Any, number: int) -> None:
        root["queue"].put(Item())

    def claim(self, root: Any, claimer: int) -> int:
        queue = root["queue"]
        count = 0
        while count < BATCH and len(queue):
            queue.pull().state = "active"
            count += 1
        return count


class Lanes(Layout):
    """What zcasync does, with its claimers' politeness."""

    def __init__(self) -> None:
        self._claimers: dict[int, Any] = {}

    def make(self, root: Any) -> None:
        import uuid

        manager = install(root._p_jar)
        for number in range(CLAIMERS):
            worker = Worker(uuid.UUID(int=number + 1))
            worker.engineUUID = uuid.UUID(int=number + 101)
            worker.incarnation = Incarnation(worker.engineUUID, worker.UUID, ProcessIdentity.here())
            manager.workers.add(worker)
        root["queue"] = manager.thread

    def put(self, root: Any, number: int) -> None:
        root["queue"].put(time.time)

    def claim(self, root: Any, claimer: int) -> int:
        from zcasync.supervisor.poll.environment import Environment
        from zcasync.supervisor.poll.lane_affinity import LaneAffinity

        manager = root["queue"].__parent__
        worker = manager.workers.values()[claimer]
        affinity = self._claimers.setdefault(
            claimer, LaneAffinity(worker.engine_bytes, Environment())
        )
        affinity.begin_pass(manager)
        found = manager.thread.claim(
            worker.uuid_bytes, BATCH, engine=worker.engine_bytes, polite=affinity.allows
        )
        for partial in found.partials:
            partial.assign(worker.incarnation)
        return len(found.partials)

    def done(self, claimer: int) -> None:
        self._claimers[claimer].note_commit()


LAYOUTS: dict[str, Any] = {"one BTree": OneTree, "zc.queue": Composite, "lanes": Lanes}


def put(layout: str, socket: str, count: int, results: Any) -> None:
    """A putting client: one item a transaction, tried again until it is in."""
    work = LAYOUTS[layout]()
    db = DB(ClientStorage(socket))
    root = db.open().root()
    conflicts = 0
    began = time.monotonic()
    for number in range(count):
        while True:
            try:
                transaction.begin()
                work.put(root, number)
                transaction.commit()
                break
            except ConflictError:
                transaction.abort()
                conflicts += 1
    results.put(("put", count, conflicts, time.monotonic() - began))
    db.close()


def claim(layout: str, socket: str, number: int, left: Any, results: Any) -> None:
    """A claimer: batches until nothing is left of what will be put."""
    work = LAYOUTS[layout]()
    db = DB(ClientStorage(socket))
    root = db.open().root()
    claims = conflicts = 0
    began = time.monotonic()
    while left.value > 0:
        try:
            transaction.begin()
            count = work.claim(root, number)
            transaction.commit()
        except ConflictError:
            transaction.abort()
            conflicts += 1
            continue
        work.done(number)
        if count:
            claims += 1
            with left.get_lock():
                left.value -= count
        else:
            time.sleep(0.002)
    results.put(("claim", claims, conflicts, time.monotonic() - began))
    db.close()


def measure(layout: str, count: int) -> dict[str, float]:
    """One run of one layout against a server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="zc"))
    spec = {
        "home": str(folder),
        "data_fs": str(folder / "Data.fs"),
        "blobs": str(folder / "blobs"),
        "socket": str(folder / "s"),
        "transaction_timeout": 60,
        "parent": os.getpid(),
    }
    lifeline, ours = os.pipe()
    server = subprocess.Popen(
        ["/bin/sh", "-c", f"exec \"$0\" \"$@\" 5<&{lifeline}", sys.executable, "-m",
         "zcasync.supervisor.zeo_server", json.dumps(spec)],
        stdout=subprocess.PIPE,
        pass_fds=[lifeline],
    )  # fmt: skip
    try:
        assert server.stdout is not None
        server.stdout.readline()
        db = DB(ClientStorage(spec["socket"]))
        with db.transaction() as connection:
            LAYOUTS[layout]().make(connection.root())
        db.close()
        return _run(layout, str(spec["socket"]), count)
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()  # type: ignore[union-attr]
        os.close(lifeline)
        os.close(ours)
        shutil.rmtree(folder)


def _run(layout: str, socket: str, count: int) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    left = context.Value("i", PUTTERS * count)
    processes = [
        context.Process(target=put, args=(layout, socket, count, results)) for _ in range(PUTTERS)
    ] + [
        context.Process(target=claim, args=(layout, socket, number, left, results))
        for number in range(CLAIMERS)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=600) for _ in processes]
    for process in processes:
        process.join(60)
    totals = {
        kind: [sum(one[place] for one in found if one[0] == kind) for place in (1, 2)]
        for kind in ("put", "claim")
    }
    seconds = {kind: max(one[3] for one in found if one[0] == kind) for kind in totals}
    return {
        "puts/s": totals["put"][0] / seconds["put"],
        "conflicts a put, %": 100 * totals["put"][1] / totals["put"][0],
        "claims/s": totals["claim"][0] / seconds["claim"],
        "conflicts a claim": totals["claim"][1] / max(1, totals["claim"][0]),
    }


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=150, help="by each of the eight clients")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows = {}
    for layout in LAYOUTS:
        if layout == "zc.queue":
            try:
                import zc.queue  # noqa: F401
            except ImportError:
                continue
        rows[layout] = measure(layout, options.puts)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    names = list(next(iter(rows.values())))
    print(f"{PUTTERS} clients put {options.puts} items each, {CLAIMERS} claim {BATCH} at a time")
    print(f"{'layout':<12}" + "".join(f"{name:>20}" for name in names))
    for layout, row in rows.items():
        print(f"{layout:<12}" + "".join(f"{row[name]:>20.2f}" for name in names))


if __name__ == "__main__":
    main()
