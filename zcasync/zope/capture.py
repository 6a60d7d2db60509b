"""Capture: what puts remember of the request around them: site, user, language, server."""

from __future__ import annotations

from typing import Any

from AccessControl.SecurityManagement import getSecurityManager
from AccessControl.users import UnrestrictedUser
from Acquisition import aq_base, aq_inner, aq_parent
from zope.component import getGlobalSiteManager
from zope.component.hooks import getSite
from zope.globalrequest import getRequest
from zope.interface import implementer

from zcasync.interfaces import IContextCapture
from zcasync.zope.paths import PATHS, in_place, path_of, unwrap
from zcasync.zope.protection import watch

#: The name of the utility.
NAME = "zcasync.zope"
#: Where a request has its server, and the place of a virtual host in the application.
SERVER, VIRTUAL_ROOT = "SERVER_URL", "VirtualRootPhysicalPath"


@implementer(IContextCapture)
class Capture:
    """See :class:`zcasync.interfaces.IContextCapture`."""

    def __call__(self) -> dict[str, Any]:
        """Return the site, the user and the request's address and language, as far as known."""
        return _of_site() | _of_user() | _of_request()

    def of_call(self, partial: Any) -> dict[str, Any]:
        """Return the paths of the objects of a call; have it told if the put is lost."""
        watch(partial.callable_name)
        paths = unwrap(partial)
        return {PATHS: paths} if paths else {}

    def of_result(self, partial: Any, value: Any) -> Any:
        """Return an object that a job has returned, or is called with, in its place."""
        return in_place(partial, value)


#: The utility.
capture = Capture()


def register() -> None:
    """Register the utility, unless the application has one of this name.  Safe to repeat."""
    registry = getGlobalSiteManager()
    if registry.queryUtility(IContextCapture, NAME) is None:
        registry.registerUtility(capture, IContextCapture, NAME, event=False)


def _of_site() -> dict[str, Any]:
    site = getSite()
    if site is None or not hasattr(aq_base(site), "getPhysicalPath"):
        return {}
    return {"site": path_of(site)}


def _of_user() -> dict[str, Any]:
    """Return the id of the user, and the path of the folder; nothing for an anonymous visitor.

    Zope itself, and its emergency user, have no id.
    """
    user = getSecurityManager().getUser()
    name = None if user is None else user.getId()
    if name is None:
        return {"is_system": True} if isinstance(aq_base(user), UnrestrictedUser) else {}
    folder = aq_parent(aq_inner(user))
    if folder is None or not hasattr(aq_base(folder), "getPhysicalPath"):
        return {"user": name}
    return {"user": name, "user_folder": path_of(folder)}


def _of_request() -> dict[str, Any]:
    request = getRequest()
    if request is None or not hasattr(request, "physicalPathToURL"):
        return {}
    found: dict[str, Any] = {}
    language = request.get("LANGUAGE")
    if isinstance(language, str) and language:
        found["language"] = language
    if request.get(SERVER):
        found["server_url"] = request[SERVER]
    root = request.get(VIRTUAL_ROOT)
    if root:
        found["virtual_root"] = "/".join(root) or "/"
        found["virtual_path"] = request.getVirtualRoot()
    return found
