"""docs/story.rst runs from beginning to end, with the jobs in the same database and in another."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import transaction
import twisted.internet
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from zope.component import eventtesting
from zope.component.globalregistry import base

from zcasync import Partial, clock
from zcasync.subscribers import basicInstallerAndNotifier, installerAndNotifier
from zcasync.testing import FakeReactor
from zcasync.testing.supervisor import Supervisor

STORY = Path(__file__).parents[2] / "docs" / "story.rst"
SHOP = Path(__file__).with_name("shop.py")
SIX_IN_THE_MORNING = datetime(2031, 5, 5, 6, 0, tzinfo=UTC)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST
QUOTED = re.compile(
    r"^\.\. code-block:: python\n    :class: shop\n\n(?P<body>(?:    .*\n|\n)+)", re.MULTILINE
)


@pytest.fixture(params=["one database", "two databases"])
def db(request: pytest.FixtureRequest) -> Iterator[DB]:
    """The database of the shop, alone or with one for the jobs beside it."""
    databases: dict[str, DB] = {}
    main = DB(DemoStorage(), databases=databases, database_name="main")
    if request.param == "two databases":
        DB(DemoStorage(), databases=databases, database_name="zc.async")
    yield main
    transaction.abort()
    for one in databases.values():
        one.close()


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReactor]:
    """A fake reactor in the place of Twisted's."""
    fake = FakeReactor(SIX_IN_THE_MORNING)
    monkeypatch.setattr(twisted.internet, "reactor", fake, raising=False)
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", fake)
    yield fake
    clock.set_source(None)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The application's module, importable under its own name as jobs need it."""
    spec = importlib.util.spec_from_file_location("shop", SHOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "shop", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def registry() -> Iterator[None]:
    """A component registry of the story's own."""
    base.__init__("base")
    yield
    eventtesting.clearEvents()
    base.__init__("base")


@pytest.mark.usefixtures("registry")
def test_the_story_comes_true(
    db: DB,
    reactor: FakeReactor,
    shop: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path))
    alone = len(db.databases) == 1
    installer = basicInstallerAndNotifier if alone else installerAndNotifier
    given: dict[str, Any] = {
        "__name__": "story",
        "db": db,
        "installer": installer,
        "reactor": reactor,
        "shop": shop,
    }

    try:
        results = doctest.testfile(
            str(STORY), module_relative=False, globs=given, optionflags=FLAGS, encoding="utf-8"
        )
    finally:
        shop.GO_ON.set()
        reactor.shut_down()

    assert results.failed == 0, f"{results.failed} of {results.attempted} examples failed"
    assert results.attempted > 300


def test_what_asks_for_its_data_manager_in_the_story_finds_it_in_real_processes(
    folder: Path, shop: ModuleType
) -> None:
    supervisor = Supervisor(folder / "home", import_path=[SHOP.parent, *sys.path])
    try:
        manager = supervisor.start().data_manager
        for queue in (manager.thread, manager.reactor):
            job = queue.put(Partial.bind(shop.deliver, 4))
            callback = queue.put(Partial(shop.price, 4)).addCallback(Partial.bind(shop.deliver))
            transaction.commit()
            assert supervisor.wait_for_result(job) == 11
            assert supervisor.wait_for_result(callback) == 35
    finally:
        supervisor.stop()


def test_the_story_quotes_the_shop_as_it_is() -> None:
    quoted = [textwrap.dedent(found["body"]) for found in QUOTED.finditer(STORY.read_text())]
    paragraphs = [
        paragraph for body in quoted for paragraph in re.split(r"\n\n(?=\S)", body.strip())
    ]
    source = SHOP.read_text()
    defined = re.split(r"\n\n\n", source.strip())[1:]

    missing = [paragraph for paragraph in paragraphs if f"\n{paragraph}\n" not in source]
    assert missing == []
    assert [one for one in defined if not set(one.splitlines()) <= lines(paragraphs)] == []


def lines(paragraphs: list[str]) -> set[str]:
    """All lines of the quoted code."""
    return {line for paragraph in paragraphs for line in paragraph.splitlines()}
