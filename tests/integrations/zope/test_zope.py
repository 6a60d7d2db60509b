"""Jobs that are put in a Zope run as its views do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.browser import Answer
from tests.integrations.servers import Site
from tests.support.instance import Client, Instance
from zcasync.errors import GoneError
from zcasync.job.ids import id_of
from zcasync.testing.waiting import wait_until

Job = Callable[[Answer], Any]


def put(site: Site, path: str, user: str | None = "bob", **form: Any) -> Answer:
    """Post a form that puts a job."""
    password = "secret" if user is not None else ""
    return site.browser(user, password).post(f"{path}/@@put", **form)


def see_note(site: Site, order: str, text: str) -> None:
    """Wait until visitors see this note of an order: the site hears of commits a moment later."""
    visitor = site.browser()
    wait_until(lambda: visitor.get(f"/shop/{order}/@@note").text == text, f"the note {text!r}")


def test_a_form_puts_a_job_that_runs_as_its_user_in_its_site(
    worker: Instance, site: Site, job_of: Job
) -> None:
    found = job_of(put(site, "/shop/one", text="soon")).result

    assert found["user"] == "bob"
    assert found["roles"] == ["Authenticated", "Manager"]
    assert found["may"]
    assert found["site"] == "/shop"
    assert found["server"] == site.url
    assert found["url"] == f"{site.url}/shop/one"
    assert found["title"] == "Books"
    assert found["town"] == "Ulm"
    assert found["pid"] in worker.child_pids()
    see_note(site, "one", "soon")


def test_a_script_puts_a_job_before_there_was_a_supervisor(
    home: tuple[Path, Site], client: Client
) -> None:
    """The start of a process of Zope has installed the data manager."""
    job = client.manager.find((home[0] / "early").read_text().strip())
    found = client.wait_for(job)

    assert (found["user"], found["site"], found["title"]) == (None, None, "of a script")


def test_a_visitor_who_is_nobody_puts_jobs_that_run_as_nobody(site: Site, job_of: Job) -> None:
    found = job_of(put(site, "/shop/one", user=None)).result

    assert (found["user"], found["may"]) == (None, False)


def test_a_user_of_the_root_may_do_in_a_site_what_the_root_lets_him(
    site: Site, job_of: Job
) -> None:
    found = job_of(put(site, "/shop/one", user="admin")).result

    assert (found["user"], found["site"], found["may"]) == ("admin", "/shop", True)


def test_a_put_without_a_site_runs_without_one(site: Site, job_of: Job) -> None:
    found = job_of(put(site, "", user="admin", call="around")).result

    assert (found["user"], found["site"]) == ("admin", None)


def test_a_job_runs_behind_the_virtual_host_of_its_put(site: Site, job_of: Job) -> None:
    path = "/VirtualHostBase/https/books.example:443/shop/VirtualHostRoot/_vh_db/one"
    found = job_of(put(site, path)).result

    assert found["server"] == "https://books.example"
    assert found["url"] == "https://books.example/db/one"


@pytest.mark.parametrize("name", ["bob", "admin"])
def test_a_put_names_another_user_of_the_site_or_of_the_root(
    site: Site, job_of: Job, name: str
) -> None:
    assert job_of(put(site, "/shop/one", user=None, run_as=name)).result["user"] == name


def test_a_named_user_who_is_nowhere_is_a_failure(site: Site, job_of: Job) -> None:
    job = job_of(put(site, "/shop/one", run_as="eve"))

    assert job.result.check(GoneError)
    message = job.result.getErrorMessage()
    for words in ("'eve'", job.id, "/shop/acl_users, /acl_users"):
        assert words in message


def test_objects_are_given_to_a_job_in_their_places(site: Site, job_of: Job) -> None:
    form = {"call": "compare", "objects:list": ["/shop/one", "/shop/two", "/shop", "/"]}
    job = job_of(put(site, "/shop/one", **form))

    assert job.result == ["/shop/one", "/shop/two", "/shop", ""]


def test_an_object_that_a_job_returns_is_its_result(site: Site, job_of: Job) -> None:
    job = job_of(put(site, "/shop/one", **{"call": "give", "objects:list": "/shop/two"}))

    assert job.result.id == "two"
    assert job.context["paths"][id_of(job.result)] == "/shop/two"


def test_a_job_that_fails_is_a_failure_and_has_changed_nothing(
    site: Site, job_of: Job, client: Client
) -> None:
    job = job_of(put(site, "/shop/two", call="fail"))

    assert job.result.check(KeyError)
    assert site.browser("bob", "secret").get("/shop/two/@@note").text != "never"


def test_a_job_of_the_reactor_has_the_same_around_it(
    worker: Instance, site: Site, job_of: Job
) -> None:
    found = job_of(put(site, "/shop/one", queue="reactor", text="in the reactor")).result

    assert (found["user"], found["site"], found["title"]) == ("bob", "/shop", "Books")
    assert found["url"] == f"{site.url}/shop/one"
    assert found["pid"] == worker.pid


def test_a_job_keeps_a_blob_that_another_one_reads(site: Site, job_of: Job) -> None:
    assert job_of(put(site, "/shop/one", call="keep", text="a picture")).result == 9
    assert job_of(put(site, "/shop/one", call="kept")).result == "a picture"


def test_a_job_works_with_an_object_of_another_database(
    site: Site, job_of: Job, client: Client
) -> None:
    job = job_of(put(site, "/archive/old", user="admin", text="found"))

    assert job.result["title"] == "Old books"
    assert list(job.context["paths"].values()) == ["/archive/old"]
    client.sync()
    order = client.main.root()["Application"]["archive"]["old"]
    assert order.note == "found"
    assert order._p_jar.db().database_name == "archive"
    assert client.db.databases["archive"].getCacheSize() == 123


# what is gone by the time of the call


@pytest.fixture
def paused(worker: Instance, client: Client) -> Any:
    """No job begins before the end of this ``with``."""
    return Pause(worker, client)


class Pause:
    """Keeps jobs waiting."""

    def __init__(self, worker: Instance, client: Client) -> None:
        self._worker, self._client = worker, client

    def __enter__(self) -> None:
        self._client.sync()
        self._worker.worker().thread.size = 0
        self._client.commit()
        self._worker.wait_for_children(0)

    def __exit__(self, *_: Any) -> None:
        self._client.sync()
        self._worker.worker().thread.size = 2
        self._client.commit()


def test_an_object_that_was_moved_or_deleted_is_a_failure_that_names_it(
    site: Site, job_of: Job, client: Client, paused: Pause
) -> None:
    with paused:
        moved = put(site, "/shop/moved")
        replaced = put(site, "/shop/replaced", call="compare", **{"objects:list": "/shop/replaced"})
        site.browser("admin", "secret").post("/shop/@@meddle")
    moved, replaced = job_of(moved), job_of(replaced)

    assert moved.result.check(GoneError)
    assert "/shop/moved, a tests.integrations.zope.shop.Order of job " in str(moved.result.value)
    assert moved.id in moved.result.getErrorMessage()
    assert replaced.result.check(GoneError)
    assert "another object now" in replaced.result.getErrorMessage()
    assert replaced.id in replaced.result.getErrorMessage()


def test_a_user_or_a_site_that_is_gone_is_a_failure_that_names_it(
    site: Site, job_of: Job, paused: Pause
) -> None:
    with paused:
        user = put(site, "/shop/one", user="leaver")
        place = put(site, "/closing/one", user="admin", call="around")
        site.browser("admin", "secret").post("/shop/@@close")
    user, place = job_of(user), job_of(place)

    assert user.result.check(GoneError)
    for words in ("'leaver'", user.id, "/shop/acl_users"):
        assert words in user.result.getErrorMessage()
    assert place.result.check(GoneError)
    for words in ("the site /closing", place.id):
        assert words in place.result.getErrorMessage()


def test_a_job_that_meets_an_edit_is_made_again_and_both_changes_are_there(
    worker: Instance, site: Site, job_of: Job, client: Client
) -> None:
    job = job_of(put(site, "/shop/one", call="slowly", text=site.url))

    assert job.result is None
    client.sync()
    note = client.main.root()["Application"]["shop"]["one"].note
    assert note == "edited, and shipped"
    see_note(site, "one", note)
