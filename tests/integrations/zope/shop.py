"""An application in Zope: a shop with orders, a site of its own, and views that put jobs."""

from __future__ import annotations

import os
from typing import Any
from urllib.request import urlopen

from AccessControl.SecurityManagement import getSecurityManager
from OFS.Folder import Folder
from OFS.SimpleItem import SimpleItem
from Products.Five.browser import BrowserView
from Products.Five.component import enableSite
from Products.Five.component.interfaces import IObjectManagerSite
from ZODB.blob import Blob
from zope.component import getGlobalSiteManager
from zope.component.hooks import getSite
from zope.component.persistentregistry import PersistentComponents
from zope.globalrequest import getRequest

import zcasync.zope

#: What a visitor writes.
EDITED = "edited"


class Shop(Folder):
    """A site."""

    meta_type = "Shop"


class Order(SimpleItem):
    """What somebody has ordered."""

    note = ""
    seen: Any = None

    def __init__(self, id: str) -> None:  # noqa: A002, Zope's word
        self.id = id

    def ship(self, text: str = "", title: str = "") -> dict[str, Any]:
        """A job: note what is around it, and return that."""
        self.note = text
        self.seen = around()
        title = title or self.title_of_the_shop
        return dict(self.seen, title=title, url=self.absolute_url())

    def keep(self, text: str) -> int:
        """A job: keep the text in a blob; return its length."""
        self.blob = Blob(text.encode())
        return len(text)

    def kept(self) -> str:
        """A job: return the text in the blob."""
        with self.blob.open() as file:
            return file.read().decode()

    def slowly(self, url: str) -> None:
        """A job: add to the note, which a visitor edits while it is at work."""
        before = self.note
        if before != EDITED:
            with urlopen(f"{url}/{self.absolute_url(relative=1)}/@@edit", b"") as answer:
                assert answer.status == 200
        self.note = f"{before}, and shipped"

    def fail(self) -> None:
        """A job that fails."""
        self.note = "never"
        raise KeyError("out of stock")


def around() -> dict[str, Any]:
    """A job: return what is around it."""
    request, site = getRequest(), getSite()
    user = getSecurityManager().getUser()
    return {
        "pid": os.getpid(),
        "town": os.environ.get("SHOP_TOWN"),
        "site": None if site is None else "/".join(site.getPhysicalPath()),
        "user": user.getId(),
        "roles": sorted(user.getRolesInContext(site)) if site is not None else [],
        "language": request.get("LANGUAGE"),
        "server": request["SERVER_URL"],
        "may": bool(getSecurityManager().checkPermission("Manage properties", site)),
    }


def compare(first: Any, *others: Any) -> list[str]:
    """A job: return the paths of what it is given."""
    return ["/".join(one.getPhysicalPath()) for one in (first, *others)]


def give(order: Any) -> Any:
    """A job: return what it is given."""
    return order


class Put(BrowserView):
    """Puts a job that ships the order, and answers at once."""

    def __call__(self) -> str:
        """Answer with the id of the job."""
        form = self.request.form
        name = form.get("call", "ship")
        call = globals().get(name, name)
        args = [form["text"]] if "text" in form else []
        args += [self.context.unrestrictedTraverse(path) for path in form.get("objects", [])]
        options = {name: form[name] for name in ("run_as", "queue") if name in form}
        job = zcasync.zope.put(self.context, call, *args, **options)
        return str(job.id)


class Orders(BrowserView):
    """What visitors do with orders."""

    def show(self) -> str:
        """Answer with the note of an order."""
        return str(self.context.note)

    def edit(self) -> str:
        """Write a note."""
        self.context.note = EDITED
        return "written"

    def meddle(self) -> str:
        """Move an order, and put another one in the place of a second one."""
        shop = self.context
        order = shop.moved.aq_base
        shop._delObject("moved")
        order.id = "elsewhere"
        shop._setObject("elsewhere", order)
        shop._delObject("replaced")
        shop._setObject("replaced", Order("replaced"))
        return "meddled"

    def close(self) -> str:
        """Close the other shop; a user leaves this one."""
        self.context.aq_parent._delObject("closing")
        self.context.acl_users._doDelUsers(["leaver"])
        return "closed"


def add_shop(app: Any, name: str) -> Any:
    """Make a shop with an order, a user folder and a registry of its own."""
    app._setObject(name, Shop(name))
    shop = app[name]
    shop.title_of_the_shop = "Books"
    enableSite(shop, iface=IObjectManagerSite)
    shop.setSiteManager(PersistentComponents("shop", (getGlobalSiteManager(),)))
    shop.manage_addUserFolder()
    shop._setObject("one", Order("one"))
    return shop


def fill(app: Any) -> None:
    """Make two shops with orders and users."""
    add_shop(app, "closing")
    shop = add_shop(app, "shop")
    for name in ("two", "moved", "replaced"):
        shop._setObject(name, Order(name))
    archive = Folder("archive")
    app._p_jar.get_connection("archive").add(archive)
    app._setObject("archive", archive)
    app.archive.title_of_the_shop = "Old books"
    app.archive._setObject("old", Order("old"))
    for name in ("bob", "leaver"):
        shop.acl_users._doAddUser(name, "secret", ["Manager"], [])
