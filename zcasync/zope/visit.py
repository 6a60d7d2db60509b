"""The visit of a call: request, site and user around it, as the publisher has around a view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from AccessControl.security import newInteraction
from AccessControl.SecurityManagement import newSecurityManager, noSecurityManager
from Acquisition import aq_base, aq_parent
from Testing.makerequest import makerequest
from zope.component.hooks import setSite
from zope.component.interfaces import ISite
from zope.event import notify
from zope.globalrequest import clearRequest, setRequest
from zope.security.management import endInteraction
from zope.traversing.interfaces import BeforeTraverseEvent

from zcasync.errors import GoneError
from zcasync.zope.paths import object_at
from zcasync.zope.users import user_for

#: The hook of a site at which the publisher sets it, its skin and its layers.
HOOK = "__before_publishing_traverse__"


@contextmanager
def visit(application: Any, partial: Any) -> Iterator[Any]:
    """Have a request around, the site and the user of a put; yield the application object.

    All of it is taken down in the end, whatever happens.  Raises GoneError where the site or the
    user is not there.
    """
    context = partial.context
    with ExitStack() as stack:
        stack.callback(noSecurityManager)
        stack.callback(setSite, None)
        app = makerequest(application, environ=environ_of(context))
        request = app.REQUEST
        stack.callback(clearRequest)
        stack.callback(request.close)
        stack.callback(endInteraction)
        setRequest(request)
        newInteraction()
        site = _found(app, partial, "site", "the site")
        _dress(request, app, partial)
        _enter(site, request, context)
        user = user_for(app, site, partial)
        newSecurityManager(request, user)
        request["AUTHENTICATED_USER"] = user
        yield app


def environ_of(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a request to the server that was remembered."""
    environ = {"SCRIPT_NAME": "", "PATH_INFO": ""}
    url, port = _server(context.get("server_url", ""))
    if url.hostname:
        port = port or (443 if url.scheme == "https" else 80)
        environ |= {
            "SERVER_NAME": url.hostname,
            "SERVER_PORT": str(port),
            "HTTP_HOST": url.netloc,
            "SERVER_URL": context["server_url"],
            "wsgi.url_scheme": url.scheme,
        }
        if url.scheme == "https":
            environ["HTTPS"] = "on"
    if context.get("language"):
        environ["HTTP_ACCEPT_LANGUAGE"] = context["language"]
    return environ


def _server(address: str) -> tuple[SplitResult, int | None]:
    """Return the parts of a server's URL; of one that is none, which any client can ask for, ''."""
    try:
        url = urlsplit(address)
        return url, url.port
    except ValueError:
        return urlsplit(""), None


def _found(app: Any, partial: Any, name: str, what: str) -> Any:
    """Return the object whose path is remembered by a name; the application where none is.

    Raises GoneError.
    """
    path = partial.context.get(name, "/")
    try:
        return object_at(app, path)
    except LookupError as error:
        raise GoneError(f"{what} {path} of job {partial.id} is gone: {error}") from error


def _dress(request: Any, app: Any, partial: Any) -> None:
    """Give a request what the publisher, and a virtual host monster, would have given it."""
    request["TraversalRequestNameStack"] = []
    if "virtual_root" in partial.context:
        root = _found(app, partial, "virtual_root", "the root of the virtual host,")
        request["PARENTS"] = [root]  # from which the next one takes it
        request.setVirtualRoot(partial.context.get("virtual_path", ""))
    request["PARENTS"] = [app]


def _enter(site: Any, request: Any, context: Mapping[str, Any]) -> None:
    """Traverse to the site of a put, as the publisher does; there is none: to the application."""
    parents = request["PARENTS"] = _ways_up(site)
    for one in reversed(parents):
        if ISite.providedBy(one):
            _traverse_site(one, request)
    setSite(site if "site" in context else None)
    if context.get("language"):
        request["LANGUAGE"] = request["I18N_LANGUAGE"] = context["language"]


def _traverse_site(site: Any, request: Any) -> None:
    """Do what the publisher does before it traverses a site."""
    hook = getattr(aq_base(site), HOOK, None)
    if hook is None:
        notify(BeforeTraverseEvent(site, request))
    else:
        getattr(site, HOOK)(site, request)


def _ways_up(found: Any) -> list[Any]:
    """Return an object and those that it is in, up to the application."""
    parents = [found]
    while hasattr(aq_base(found), "getPhysicalPath") and len(found.getPhysicalPath()) > 1:
        found = aq_parent(found)
        parents.append(found)
    return parents
