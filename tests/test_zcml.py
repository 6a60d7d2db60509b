"""configure.zcml registers what configure() registers."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import zope.component
from persistent.interfaces import IPersistent
from ZODB.interfaces import IConnection
from zope.component import getGlobalSiteManager
from zope.component.globalregistry import base
from zope.configuration import xmlconfig

import zcasync


def registered() -> set[tuple[Any, ...]]:
    """The adapters of the global registry."""
    return {
        (found.required, found.provided, found.name, found.factory)
        for found in getGlobalSiteManager().registeredAdapters()
    }


@pytest.mark.usefixtures("registry")
def test_the_zcml_registers_what_configure_registers() -> None:
    zcasync.configure()
    by_call = registered()
    base.__init__("base")
    assert registered() == set()

    context = xmlconfig.file("meta.zcml", zope.component)
    xmlconfig.file("configure.zcml", zcasync, context=context)

    assert registered() == by_call
    assert len(by_call) > 10


@pytest.mark.usefixtures("registry")
def test_what_zope_keyreference_registers_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zope.keyreference", ModuleType("zope.keyreference"))
    context = xmlconfig.file("meta.zcml", zope.component)
    xmlconfig.file("configure.zcml", zcasync, context=context)

    connections = {found for found in registered() if found[:2] == ((IPersistent,), IConnection)}
    assert connections == set()
