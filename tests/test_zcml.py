"""configure.zcml registers what configure() registers."""

from __future__ import annotations

from typing import Any

import pytest
import zope.component
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
