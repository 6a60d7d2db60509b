"""Two thousand objects are indexed by one job, in chunks, with its progress and bounded memory."""

from __future__ import annotations

import psutil

import zcasync
from tests.integrations.browser import Browser
from tests.integrations.plone.conftest import PAGES, Put
from tests.support.instance import Client, Instance
from zcasync.interfaces import COMPLETED
from zcasync.testing.waiting import wait_until

MEGABYTE = 2**20
#: What a child may take more for it.
MAY_GROW = 100 * MEGABYTE
#: For the work, on a machine that has little time for it.
SECONDS = 400.0


def memory(pids: list[int]) -> int:
    """Return what the largest of these processes takes."""
    return max(psutil.Process(pid).memory_info().rss for pid in pids)


def test_an_upgrade_indexes_two_thousand_pages_in_chunks(
    worker: Instance, client: Client, put: Put, editor: Browser, manager: Browser
) -> None:
    query = {"Title": "Unknown", "path": "/Plone/pages"}
    assert editor.get("/Plone/@@find", **query).json == []
    client.wait_for(put("/Plone/pages", "around"))
    pids = [worker.pid, *worker.child_pids()]
    before = memory(pids)

    job = put("/Plone", "upgrade", browser=manager)
    client.wait_for(job)
    job = client.manager.find(job.result)
    seen: list[int] = []
    most = [before]

    def is_done() -> bool:
        client.sync()
        most.append(memory(worker.child_pids()))
        progress = zcasync.progress_of(job)
        if progress is not None:
            seen.append(int(progress.done))
        return bool(job.state == COMPLETED)

    wait_until(is_done, "the pages to be indexed", SECONDS, worker.evidence)
    assert job.result == PAGES
    assert job.attempts == 1, (job.conflicts, job.failed_before, worker.log[-3000:])
    assert seen[-1] == PAGES
    assert len(set(seen)) > 3
    assert sorted(seen) == seen
    assert len(editor.get("/Plone/@@find", **query).json) == PAGES
    grown = max(most) - before
    print(f"a child took {before / MEGABYTE:.0f} MB, and {grown / MEGABYTE:.0f} MB more")
    assert grown < MAY_GROW
