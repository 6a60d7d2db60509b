"""A Plone as ``docs/plone.rst`` has it, and its worker, which the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.guides import DOCS, blocks
from tests.integrations import zope_home
from tests.integrations.browser import Answer, Browser
from tests.integrations.servers import DatabaseServer, Site, start_worker
from tests.integrations.zope_home import ADMIN, PASSWORD
from tests.support.gates import Gate
from tests.support.instance import ROOT, Client, Instance

EDITOR = "erika"
PAGES = 2000
FILL = f"""
import transaction
from Products.CMFPlone.factory import addPloneSite
from plone.dexterity.utils import createContent, createContentInContainer
from zope.event import notify
from zope.lifecycleevent import ObjectCreatedEvent

site = addPloneSite(app, "Plone", extension_ids=("plone.app.contenttypes:default",))
site.acl_users.userFolderAddUser("{EDITOR}", "{PASSWORD}", ["Member", "Editor", "Contributor"], [])
for title in ("Gallery", "Pages", "Scratch"):
    createContentInContainer(site, "Folder", title=title)
for number in range({PAGES}):  # which the catalog does not know
    page = createContent("Document", title="Unknown page")
    notify(ObjectCreatedEvent(page))
    page.id = f"page-{{number}}"
    site["pages"]._setObject(page.id, page, suppress_events=True)
transaction.commit()
"""
#: Tests stop their workers, and nobody wants to wait.
FOR_TESTS = "  grace-period 5\n  poll-seconds 2\n</zcasync>"


def write_guide(home: Path) -> None:
    """Write the files of the guide to where it has them, as they stand there."""
    for block in blocks((DOCS / "plone.rst").read_text()):
        if block.name is not None:
            (home / block.name).parent.mkdir(parents=True, exist_ok=True)
            (home / block.name).write_text(block.body)
    (home / "src" / "gallery" / "__init__.py").touch()
    conf = home / "etc" / "zcasync.conf"
    conf.write_text(conf.read_text().replace("</zcasync>", FOR_TESTS))


def make_plone(home: Path, server: DatabaseServer) -> Site:
    """Make the home of a Plone with the guide's add-on and that of the tests."""
    made = zope_home.make(home, server)
    made.environment["PYTHONPATH"] = f"{home / 'src'}:{ROOT}"
    write_guide(home)
    zope_home.include(home, "gallery")
    zope_home.include(home, "tests.integrations.plone")
    return made


def make_worker(home: Path) -> Instance:
    """Return a worker of the home, which does not run yet."""
    made = Instance(home, children=None)
    made.import_path.append(home / "src")
    return made


@pytest.fixture(scope="package")
def server(place: Path) -> Iterator[DatabaseServer]:
    """Its database server."""
    made = DatabaseServer(place)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def site(place: Path, server: DatabaseServer) -> Iterator[Site]:
    """Its web server, with a site ``Plone`` that has an editor and folders."""
    made = make_plone(place / "home", server)
    zope_home.run_script(place / "home", FILL, environment=made.environment)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def common_worker(place: Path, site: Site) -> Iterator[Instance]:
    """Its worker, with two children."""
    made = make_worker(place / "home")
    try:
        yield start_worker(made)
    finally:
        made.end()


@pytest.fixture
def worker(common_worker: Instance) -> Instance:
    """The worker, which none of the tests ends."""
    assert common_worker.is_alive, common_worker.evidence()
    return common_worker


@pytest.fixture
def client(worker: Instance) -> Client:
    """A client of the database, which is no Plone."""
    worker.client.sync()
    return worker.client


@pytest.fixture
def editor(site: Site) -> Browser:
    """Somebody who may edit the site's content."""
    return site.browser(EDITOR, PASSWORD)


@pytest.fixture
def manager(site: Site) -> Browser:
    """The site's manager."""
    return site.browser(ADMIN, PASSWORD)


@pytest.fixture
def barrier(tmp_path: Path) -> Iterator[Gate]:
    """A gate for the test's jobs; open in the end, so that no job waits for ever."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


#: Puts a job by a form, and returns it.
Put = Callable[..., Any]


@pytest.fixture
def put(client: Client, editor: Browser, site: Site) -> Put:
    """Puts a job of the tests by a form for an object; returns it as the database has it."""

    def by_form(
        path: str, call: str, *arguments: Any, browser: Browser = editor, **form: Any
    ) -> Any:
        answer = browser.post(f"{path}/@@put", call=call, arguments=json.dumps(arguments), **form)
        return job_of(client, answer, site)

    return by_form


def job_of(client: Client, answer: Answer, site: Site) -> Any:
    """Return the job whose id was answered."""
    assert answer.status in (200, 202), f"{answer.text}\n{site.output}"
    client.sync()
    return client.manager.find(answer.text)
