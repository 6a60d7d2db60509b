"""The control panel in an application of Pyramid, through its router."""

from __future__ import annotations

from typing import Any

import pytest
import transaction
from pyramid.authorization import ACLHelper, Allow
from pyramid.config import Configurator

from tests.panel.browser import Browser, words
from tests.panel.wsgi import WsgiPanel
from zcasync import Partial
from zcasync.datamanager import find
from zcasync.pyramid.zodbconn import database_of


class Policy:
    """A user is who a header says; what they may stands in the ACL of the root."""

    def identity(self, request: Any) -> str | None:
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        user = self.identity(request)
        return ACLHelper().permits(context, [user] if user else [], permission)


class Root:
    """The root of the resources: an editor may do all but manage jobs."""

    __acl__ = [
        (Allow, "editor", ("view", "edit")),
        (Allow, "manager", "zcasync.manage"),
        (Allow, "operator", "operate"),
    ]

    def __init__(self, request: Any) -> None:
        pass


def application(policy: Any = None, **settings: str) -> Any:
    """An application with a panel below ``/admin``."""
    config = Configurator(
        settings={"zodbconn.uri": "memory://", "tm.manager_hook": "pyramid_tm.explicit_manager"}
        | settings,
        root_factory=Root,
        security_policy=policy,
    )
    config.set_default_csrf_options(require_csrf=True)
    for name in ("pyramid_tm", "pyramid_zodbconn", "zcasync.pyramid"):
        config.include(name)
    config.include("zcasync.pyramid.panel", route_prefix="admin")
    return config.make_wsgi_app()


def put(app: Any) -> str:
    """Put a job; its id."""
    manager = transaction.TransactionManager()
    connection = database_of(app.registry).open(manager)
    job = find(connection).thread.put(Partial(abs, -1))  # type: ignore[union-attr]
    manager.commit()
    found = str(job.id)
    connection.close()
    return found


def visitor(app: Any, user: str) -> Browser:
    """The browser of a user."""
    environ = {one: {"HTTP_X_USER": one} for one in ("editor", "manager", "operator")}
    panel: Any = WsgiPanel(app, "/admin/zcasync-jobs", environ)
    return Browser(panel, user)


def test_a_manager_looks_cancels_and_retries() -> None:
    app = application(Policy())
    job = put(app)
    browser = visitor(app, "manager")

    assert "Waiting 1" in words(browser.get())
    done = browser.click("cancel", job)
    after = f"http://localhost/admin/zcasync-jobs?job={job}&said=cancelled"
    assert dict(done.headers)["Location"] == after
    page = words(browser.follow(done))
    assert "The job is cancelled." in page
    assert "said to be manager" in page
    again = browser.follow(browser.click("retry", job))
    assert "The job waits in its queue again." in words(again)


@pytest.mark.parametrize("user", ["nobody", "editor"])
def test_nobody_else_gets_in(user: str) -> None:
    app = application(Policy())
    job = put(app)
    manager, other = visitor(app, "manager"), visitor(app, user)
    forms, before = manager.fields("cancel", job), database_of(app.registry).lastTransaction()
    other.cookie = manager.cookie

    for answer in (other.get(), other.get(job=job), other.post(**forms)):
        assert answer.status == 403
        assert job not in answer.body
    assert database_of(app.registry).lastTransaction() == before


def test_without_a_policy_nobody_gets_in() -> None:
    answer = visitor(application(), "manager").get()

    assert answer.status == 403
    assert "no security policy" in answer.body


def test_another_permission_can_be_asked_for() -> None:
    app = application(Policy(), **{"zcasync.panel.permission": "operate"})

    assert visitor(app, "operator").get().status == 200
    assert visitor(app, "manager").get().status == 403


def test_nothing_is_changed_by_get_nor_without_a_token_nor_from_another_site() -> None:
    app = application(Policy())
    job = put(app)
    browser = visitor(app, "manager")
    form, before = browser.fields("cancel", job), database_of(app.registry).lastTransaction()

    assert browser.ask("GET", query=form).status == 200
    assert browser.post(act="cancel", job=job).status == 403
    assert browser.post(site="cross-site", **form).status == 403
    assert database_of(app.registry).lastTransaction() == before
