"""A panel of the test's database."""

from __future__ import annotations

import pytest
from ZODB import DB

from tests.panel.browser import Browser
from zcasync.panel.panel import Panel


@pytest.fixture
def browser(
    db: DB, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Browser:
    """The browser of a manager, whose application knows no home."""
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path_factory.mktemp("zope")))
    return Browser(Panel(db))
