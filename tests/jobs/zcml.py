"""What the ZCML of tests registers, and a job that uses it."""

from __future__ import annotations

from typing import Any

from persistent import Persistent
from zope.component import getUtility, queryUtility
from zope.component.globalregistry import getGlobalSiteManager
from zope.component.hooks import getSite, setSite
from zope.component.persistentregistry import PersistentComponents
from zope.event import notify
from zope.interface import Interface, implementer

NOTICED: list[Any] = []


class IShop(Interface):
    """A shop."""


class ILocal(Interface):
    """Something that a site has."""


class INoticed(Interface):
    """An event."""


@implementer(IShop)
class Shop:
    """Registered by ZCML."""

    state = "open"


@implementer(INoticed)
class Noticed:
    """An event."""


@implementer(ILocal)
class Local(Persistent):
    """Registered in a site."""

    text = "of the site"


class Site(Persistent):
    """A site with components of its own."""

    def __init__(self) -> None:
        self.components = PersistentComponents("site")
        self.components.registerUtility(Local(), ILocal)

    def getSiteManager(self) -> Any:
        self.components.__bases__ = (getGlobalSiteManager(),)
        return self.components


def notice(event: Any) -> None:
    """A subscriber, registered by ZCML."""
    NOTICED.append(event)


def use_components(site: Site) -> dict[str, Any]:
    """A job: use what the application has registered, and a site, which it leaves current."""
    assert getSite() is None
    assert queryUtility(ILocal) is None
    NOTICED.clear()
    notify(Noticed())
    setSite(site)
    return {
        "shop": getUtility(IShop).state,
        "noticed": len(NOTICED),
        "local": getUtility(ILocal).text,
    }
