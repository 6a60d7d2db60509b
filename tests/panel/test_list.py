"""The list of jobs: what it shows, and how little it looks at for that."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from ZODB import DB

from tests.jobs import samples
from tests.panel.browser import Browser, ids, words
from tests.support import scenes
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import JobCancelled
from zcasync.job.failure import from_exception
from zcasync.job.ids import id_of
from zcasync.panel.listing import MOST_LOOKED_AT, ROWS
from zcasync.panel.panel import Panel


def ended(session: Session, worker: Any, result: Any, call: Any = abs) -> Partial:
    """A job that has ended with this result."""
    partial = session.queue.put(Partial(call, -1))
    session.commit()
    scenes.claim(session, worker, [partial])
    scenes.end(partial, result)
    worker.thread.lists(1)[0].items = ()
    worker.completed.add(partial)
    session.commit()
    return partial


def test_each_kind_lists_its_jobs_and_says_how_many_there_are(
    session: Session, browser: Browser
) -> None:
    worker = scenes.serve(session)
    good = ended(session, worker, 1)
    bad = ended(session, worker, from_exception(ValueError("no card")))
    gone = ended(session, worker, from_exception(JobCancelled("cancelled by me", who="me")))
    (waits,) = scenes.put(session)

    page = browser.get()
    assert set(ids(page)) == {id_of(one) for one in (good, bad, gone, waits)}
    assert "Waiting 1 Failed 1 Cancelled 1 Completed 3" in words(page)
    assert "ValueError: no card" in words(page)
    assert ids(browser.get(kind="failed")) == [id_of(bad)]
    assert ids(browser.get(kind="cancelled")) == [id_of(gone)]
    assert ids(browser.get(kind="waiting")) == [id_of(waits)]
    assert ids(browser.get(kind="active")) == []
    assert "There are no such jobs." in words(browser.get(kind="active"))
    assert len(ids(browser.get(kind="nonsense"))) == 4


def test_calls_are_found_by_name_and_a_job_by_its_id(session: Session, browser: Browser) -> None:
    scenes.put(session, 3)
    echo = session.queue.put(Partial(samples.echo, "hello"))
    session.commit()

    assert ids(browser.get(call="echo")) == [id_of(echo)]
    assert "samples.echo('hello')" in words(browser.get(call=f" {id_of(echo)} "))
    assert browser.get(call="0x7fffffff").status == 404


def test_pages_follow_one_another_and_end(session: Session, browser: Browser) -> None:
    every = [id_of(one) for one in scenes.put(session, 2 * ROWS + 1)]

    pages = [browser.get(page=number) for number in (1, 2, 3, 4)]
    assert [one for page in pages for one in ids(page)] == every
    assert "Next" in words(pages[1])
    assert "Next" not in words(pages[2])
    for odd in ("0", "-1", "x", "9" * 40, "٣"):
        assert browser.get(page=odd).status == 200


def loads(db: DB, browser: Browser, **query: Any) -> int:
    """The objects that a page has loaded from the storage."""
    counted = 0

    def count(storage: Any) -> Any:
        plain = storage.load

        def load(*args: Any) -> Any:
            nonlocal counted
            counted += 1
            return plain(*args)

        storage.load = load
        return storage

    mvcc = db._mvcc_storage
    make = mvcc.new_instance
    mvcc.new_instance = lambda: count(make())
    try:
        assert browser.get(**query).status == 200
    finally:
        mvcc.new_instance = make
    return counted


@pytest.mark.parametrize("query", [{}, {"kind": "waiting"}, {"kind": "failed"}])
def test_a_page_loads_no_more_where_there_are_many_jobs(
    db: DB, session: Session, browser: Browser, query: dict[str, str]
) -> None:
    scenes.put(session, 500)
    few = loads(db, browser, **query)
    for _ in range(10):
        scenes.put(session, 500)

    assert 0 < loads(db, browser, **query) <= few + 20


def test_a_search_in_vain_looks_at_so_many_and_says_so(
    db: DB, session: Session, browser: Browser
) -> None:
    scenes.put(session, 3 * MOST_LOOKED_AT)

    page = browser.get(call="nothing.of.this.name")
    assert ids(page) == []
    assert "This page looks at the first 1,000 jobs" in words(page)
    assert loads(db, browser, call="nothing") < 2 * MOST_LOOKED_AT
    last = browser.get(page=10**6)
    assert len(ids(last)) == ROWS
    assert "Next" not in words(last)


def test_without_a_data_manager_the_page_says_what_is_missing() -> None:
    db = DB(None)
    try:
        page = Browser(Panel(db)).get()
        assert page.status == 200
        assert "no data manager yet" in words(page)
    finally:
        db.close()


def test_a_supervisor_out_of_reach_is_told(session: Session, browser: Browser) -> None:
    scenes.serve(session)

    page = words(browser.get())
    assert "The supervisor does not answer here: this process is not told the home" in page
    assert "00000000 running" in page  # this test's own process, by its identity


def test_the_panel_is_loaded_when_it_is_asked_for() -> None:
    code = (
        "import sys, zcasync.panel, zcasync.panel.requests, zcasync.panel.tokens\n"
        "assert not {'zcasync.reports', 'zcasync.control', 'ZODB'} & set(sys.modules)\n"
        "assert zcasync.panel.Panel and not hasattr(zcasync.panel, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
