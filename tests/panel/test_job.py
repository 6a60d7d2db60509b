"""One job: what its page shows, and what it keeps to itself."""

from __future__ import annotations

import sys

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.jobs.basic import Counter
from tests.panel.browser import Browser, ids, words
from tests.panel.test_list import ended
from tests.support import scenes
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.datamanager import install
from zcasync.interfaces import ASYNC_DATABASE, PENDING
from zcasync.job.failure import from_exception
from zcasync.job.ids import id_of
from zcasync.panel.panel import Panel

HOSTILE = "</pre></code><script>alert(1)</script>\"'&\u202e\x1b[31m"


def test_the_page_shows_call_arguments_and_failure(session: Session, browser: Browser) -> None:
    worker = scenes.serve(session)
    bad = ended(session, worker, from_exception(ValueError("no card")))

    page = browser.get(job=id_of(bad))
    assert page.status == 200
    for word in ("failed", "abs(-1)", "Queue thread", "ValueError: no card", "Retry"):
        assert word in words(page)
    assert "Cancel" not in words(page)


def test_nothing_hostile_gets_into_the_page_as_markup(session: Session, browser: Browser) -> None:
    worker = scenes.serve(session)
    failed = ended(session, worker, from_exception(ValueError(HOSTILE)))
    one = session.queue.put(Partial(max, HOSTILE, key=HOSTILE))
    one.addCallback(Partial(max, HOSTILE))
    session.commit()

    for page in (
        browser.get(),
        browser.get(job=id_of(one)),
        browser.get(job=id_of(failed)),
        browser.get(call=HOSTILE),
        browser.get(job=HOSTILE),
        browser.get(job=id_of(one), said=HOSTILE),
        browser.ask("POST", form={"act": HOSTILE, "job": HOSTILE}),
        browser.ask(HOSTILE),
    ):
        assert "<script" not in page.body
        assert not set("\u202e\x1b") & set(page.body)
        assert page.body.count("</pre>") <= 1


def test_secret_arguments_are_never_shown(session: Session, browser: Browser) -> None:
    one = session.queue.put(Partial(max, "4111 1111", default="4222 2222"), secret=True)
    session.commit()

    for page in (browser.get(), browser.get(job=id_of(one))):
        assert "<secret>" in words(page)
        assert "4111" not in page.body
        assert "4222" not in page.body


def test_classes_of_arguments_are_not_loaded(
    session: Session, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = session.keep(Counter())
    one = session.queue.put(Partial(max, counter, [scenes.Fickle()]))
    session.commit()
    monkeypatch.delitem(sys.modules, "tests.jobs.basic")
    monkeypatch.setattr(scenes.Fickle, "refuses", True)

    page = browser.get(job=id_of(one))
    assert "Counter" in words(page)
    assert "refuses" not in words(page)
    assert "tests.jobs.basic" not in sys.modules


def test_what_is_no_job_is_not_found(session: Session, browser: Browser) -> None:
    kept = session.keep(Partial(abs, 1))
    assert browser.get(job=id_of(kept)).status == 200
    for name in ("0x0", "0x7fffffff", "nonsense", "other:0x1", "0x" + "f" * 40):
        page = browser.get(job=name)
        assert page.status == 404, name
        assert "The list of jobs" in words(page)


def test_jobs_of_a_second_database_are_shown_and_changed() -> None:
    dbs: dict[str, DB] = {}
    main = DB(DemoStorage(), databases=dbs, database_name="main")
    DB(DemoStorage(), databases=dbs, database_name=ASYNC_DATABASE)
    session = Session(main)
    manager = install(session.connection, ASYNC_DATABASE)
    session.keep(Counter(), "counter")
    one = manager.thread.put(Partial(max, session.root["counter"], 1))
    session.commit()
    pools = {name: set(db.pool.all) for name, db in dbs.items()}
    browser = Browser(Panel(main))

    assert ids(browser.get()) == [id_of(one)] == [f"{ASYNC_DATABASE}:{one.id.rpartition(':')[2]}"]
    page = browser.follow(browser.click("cancel", id_of(one)))
    assert "The job is cancelled." in words(page)
    assert "Counter" in words(page)
    page = browser.follow(browser.click("retry", id_of(one)))
    session.sync()
    assert one.state == PENDING
    assert isinstance(one.args[0], Counter)
    assert {name: set(db.pool.all) for name, db in dbs.items()} == pools
    session.close()
    for db in dbs.values():
        db.close()


def test_a_damaged_record_is_shown_as_far_as_it_can_be(
    db: DB, session: Session, browser: Browser
) -> None:
    (one,) = scenes.put(session)
    one._state = 42
    session.commit()

    page = browser.get(job=id_of(one))
    assert page.status == 200
    assert "its record cannot be loaded" in words(page)
    assert "<form" not in page.body.partition("<main>")[2]
    assert browser.get().status == 200


def test_no_page_may_be_framed_kept_or_load_anything(session: Session, browser: Browser) -> None:
    headers = dict(browser.get().headers)

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
