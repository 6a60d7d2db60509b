"""Cancel and retry: what they do, who may, and what is told where they do nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB import DB
from ZODB.POSException import ConflictError

from tests.panel.browser import Browser, ids, words
from tests.panel.test_list import ended
from tests.queues.test_remembered import capturing
from tests.support import scenes
from tests.support.sessions import Session
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.job.failure import from_exception
from zcasync.job.ids import id_of
from zcasync.panel.desk import Desk
from zcasync.panel.panel import Panel
from zcasync.panel.requests import Request
from zcasync.panel.tokens import FIELD


def last(db: DB) -> Any:
    """The last transaction that was committed."""
    return db.lastTransaction()


def test_a_job_that_waits_is_cancelled_and_says_by_whom(
    db: DB, session: Session, browser: Browser
) -> None:
    scenes.serve(session)
    (one,) = scenes.put(session)

    page = browser.follow(browser.click("cancel", id_of(one)))
    assert "The job is cancelled." in words(page)
    assert "said to be anna" in words(page)
    session.sync()
    assert one.state == COMPLETED
    assert "said to be anna" in one.result.getErrorMessage()


def test_a_job_that_is_over_waits_again(session: Session, browser: Browser) -> None:
    worker = scenes.serve(session)
    bad = ended(session, worker, from_exception(ValueError("no card")))

    page = browser.follow(browser.click("retry", id_of(bad)))
    assert "The job waits in its queue again." in words(page)
    session.sync()
    assert bad.state == PENDING
    assert session.claim() == [bad]


def test_a_job_that_has_ended_meanwhile_stays_as_it_is(session: Session, browser: Browser) -> None:
    worker = scenes.serve(session)
    (one,) = scenes.put(session)
    form = browser.fields("cancel", id_of(one))
    scenes.claim(session, worker, [one])
    scenes.end(one, 7)
    session.commit()

    page = browser.post(**form)
    assert page.status == 409
    assert "is over already: it is completed" in words(page)
    session.sync()
    assert one.result == 7


def test_a_job_that_was_retried_meanwhile_is_not_retried_twice(
    session: Session, browser: Browser
) -> None:
    bad = ended(session, scenes.serve(session), from_exception(ValueError("no card")))
    form = browser.fields("retry", id_of(bad))
    assert browser.post(**form).status == 303

    page = browser.post(**form)
    assert page.status == 409
    assert "is not over" in words(page)


def test_what_runs_elsewhere_is_not_cancelled_and_the_page_says_where_it_can_be(
    session: Session, browser: Browser
) -> None:
    worker = scenes.serve(session, identity=scenes.ELSEWHERE)
    (one,) = scenes.put(session)
    scenes.claim(session, worker, [one])

    page = browser.click("cancel", id_of(one))
    assert page.status == 503
    assert "is in the hands of worker" in words(page)
    assert "(process 7 on far)" in words(page)


def test_a_waiting_job_with_callbacks_is_ended_and_a_worker_is_left_its_callbacks(
    session: Session, browser: Browser
) -> None:
    scenes.serve(session)
    (one,) = scenes.put(session)
    one.addCallbacks(failure=str)
    session.commit()

    assert browser.click("cancel", id_of(one)).status == 303
    session.sync()
    assert one.state == CALLBACKS
    assert one.resume_at is not None
    assert session.queue.has_callbacks_left(one, one.resume_at)


def test_each_change_says_who_has_made_it(file_db: DB) -> None:
    session = Session(file_db)
    scenes.serve(session)
    (one,) = scenes.put(session)
    browser = Browser(Panel(file_db), "anna <b>")
    for act in ("cancel", "retry"):
        assert browser.click(act, id_of(one)).status == 303

    newest, before = file_db.undoInfo(0, 2)
    assert (before["user_name"], before["description"]) == (
        "anna <b>",
        f"zcasync panel: cancel of job {id_of(one)}",
    )
    assert newest["description"] == f"zcasync panel: retry of job {id_of(one)}"
    session.close()


def test_a_manager_of_one_site_sees_and_changes_its_jobs_only(
    db: DB, session: Session, browser: Browser
) -> None:
    scenes.serve(session)
    with capturing(site=lambda: {"site": "/shop"}):
        (own,) = scenes.put(session)
    behind = own.addCallbacks(str)
    with capturing(site=lambda: {"site": "/shop2"}):
        (others,) = scenes.put(session)
    (nobodys,) = scenes.put(session)
    session.commit()
    manager = Browser(Panel(db, site="/shop"))

    assert ids(manager.get()) == [id_of(own)]
    assert manager.get(job=id_of(behind)).status == 200
    assert len(ids(browser.get())) == 3
    for one in (others, nobodys):
        assert manager.get(job=id_of(one)).status == 404
        form = {**manager.fields("cancel", id_of(own)), "job": id_of(one)}
        assert manager.post(**form).status == 404
    session.sync()
    assert others.state == nobodys.state == PENDING
    assert manager.click("cancel", id_of(own)).status == 303


def test_a_get_changes_nothing(db: DB, session: Session, browser: Browser) -> None:
    bad = ended(session, scenes.serve(session), from_exception(ValueError("no card")))
    (one,) = scenes.put(session)
    before = last(db)

    for job, act in ((one, "cancel"), (bad, "retry")):
        form = browser.fields(act, id_of(job))
        browser.ask("GET", query=form)
        browser.ask("GET", query={"job": id_of(job)}, form=form)
        browser.ask("HEAD", form=form)
        assert browser.ask("PUT", form=form).status == 405
    for kind in ("all", "failed"):
        browser.get(kind=kind)
    assert last(db) == before


@pytest.mark.parametrize(
    "forged", ["no token", "another token", "no cookie", "another user", "another site", "act"]
)
def test_a_forged_post_changes_nothing(
    db: DB, session: Session, browser: Browser, forged: str
) -> None:
    (one,) = scenes.put(session)
    form, site = browser.fields("cancel", id_of(one)), "same-origin"
    before = last(db)
    match forged:
        case "no token":
            del form[FIELD]
        case "another token":
            form[FIELD] = form[FIELD][::-1]
        case "no cookie":
            browser.cookie = None
        case "another user":
            browser.user = "bert"
        case "another site":
            site = "cross-site"
        case "act":
            form["act"] = "discard"

    page = browser.post(site=site, **form)
    assert page.status in (400, 403)
    assert "Nothing was changed" in words(page)
    assert last(db) == before


def test_a_refusal_of_the_framework_counts(db: DB, session: Session, browser: Browser) -> None:
    (one,) = scenes.put(session)
    form = browser.fields("cancel", id_of(one))
    before = last(db)

    request = Request("POST", "/jobs", "anna", form=form, cookie=browser.cookie)
    page = browser.panel.answer(request, refusal="its own token is missing")
    assert page.status == 403
    assert "its own token is missing" in words(page)
    assert last(db) == before


def test_a_commit_that_others_are_quicker_than_all_the_time_is_told_in_words(
    session: Session, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = scenes.put(session)
    form = browser.fields("cancel", id_of(one))

    def conflict(*given: Any) -> None:
        raise ConflictError("quicker")

    monkeypatch.setattr(Desk, "_noted", conflict)
    page = browser.post(**form)
    assert page.status == 503
    assert "quicker" in words(page)


def test_no_connection_of_the_application_is_used_or_kept(
    db: DB, session: Session, browser: Browser
) -> None:
    (one,) = scenes.put(session)
    own = db.open()
    own.root()._p_activate()
    own.close()
    pool, loaded = set(db.pool.all), own._cache.cache_non_ghost_count

    assert browser.click("cancel", id_of(one)).status == 303
    assert set(db.pool.all) == pool
    assert own._cache.cache_non_ghost_count == loaded
    assert db.open() is own
    own.close()
