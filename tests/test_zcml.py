"""configure.zcml registers what configure() registers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zope.component
from persistent.interfaces import IPersistent
from ZODB.interfaces import IConnection
from zope.component import getGlobalSiteManager
from zope.component.globalregistry import base
from zope.configuration import xmlconfig

import zcasync
from zcasync import twist


def registered() -> set[tuple[Any, ...]]:
    """The adapters of the global registry."""
    return {
        (found.required, found.provided, found.name, found.factory)
        for found in getGlobalSiteManager().registeredAdapters()
    }


def load(*files: tuple[str, Any]) -> None:
    """Load ZCML, and execute it."""
    context = xmlconfig.file("meta.zcml", zope.component, execute=False)
    for name, package in files:
        xmlconfig.file(name, package, context=context, execute=False)
    context.execute_actions()


#: As zope.keyreference and five.intid have it.
CORE = """
<configure xmlns="http://namespaces.zope.org/zope">
  <include package="zope.component" file="meta.zcml" />
  <adapter for="persistent.interfaces.IPersistent" provides="ZODB.interfaces.IConnection"
           factory="tests.test_zcml.connection_of" />
</configure>
"""


def connection_of(obj: Any) -> Any:
    """An adapter of a core package."""


@pytest.mark.usefixtures("registry")
def test_the_zcml_registers_what_configure_registers() -> None:
    zcasync.configure()
    by_call = {one for one in registered() if one[3] is not twist.connection}
    base.__init__("base")
    assert registered() == set()

    load(("configure.zcml", zcasync))

    assert registered() == by_call
    assert len(by_call) > 10


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("is_first", [True, False])
def test_the_zcml_does_not_conflict_with_that_of_core_packages(
    tmp_path: Path, is_first: bool
) -> None:
    """Plone did not start: five.intid has an adapter of the same pair."""
    if is_first:
        zcasync.configure()
    (tmp_path / "core.zcml").write_text(CORE)
    load((str(tmp_path / "core.zcml"), None), ("configure.zcml", zcasync))
    zcasync.configure()

    adapter = base.adapters.registered([IPersistent], IConnection)
    assert adapter is connection_of
