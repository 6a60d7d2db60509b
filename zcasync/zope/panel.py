"""The control panel in Zope and Plone: ``@@zcasync-jobs``, for who may view management screens.

The home of the supervisor that ends what runs is Zope's own, or named in ``zope.conf``::

    <product-config zcasync>
      home /srv/shop
    </product-config>
"""

from __future__ import annotations

from typing import Any

from AccessControl.SecurityManagement import getSecurityManager
from App.config import getConfiguration
from Products.Five.browser import BrowserView
from zExceptions import Forbidden
from zope.interface.interfaces import ComponentLookupError

import zcasync.panel
from zcasync.panel.requests import Request
from zcasync.panel.tokens import COOKIE

try:
    from plone.protect import authenticator
except ImportError:
    authenticator = None

NAME = "@@zcasync-jobs"
#: Who has it for the application sees the jobs of all sites.
PERMISSION = "View management screens"
#: The field of plone.protect in forms.
FIELD = "_authenticator"


class JobsView(BrowserView):
    """The jobs of the database that the application is in.

    To who may manage a site and not the application the jobs of that site only, as its puts have
    remembered it.  Changes are committed by themselves, and not with the request's transaction.
    """

    def __call__(self) -> str:
        """Return the page, or '' behind a redirection."""
        root = self.context.getPhysicalRoot()
        may_see_all = getSecurityManager().checkPermission(PERMISSION, root)
        site = None if may_see_all else "/".join(self.context.getPhysicalPath())
        db = root._p_jar.db()
        hidden = _hidden()
        refusal = None if hidden is None else _refusal(self.request)
        answer = zcasync.panel.Panel(db, _home(), site).answer(self._asked(), hidden, refusal)
        response = self.request.response
        response.setStatus(answer.status, lock=True)
        for name, value in answer.headers:
            add = response.addHeader if name == "Set-Cookie" else response.setHeader
            add(name, value)
        return answer.body

    def _asked(self) -> Request:
        request = self.request
        form = {name: value for name, value in request.form.items() if isinstance(value, str)}
        is_post = request.method == "POST"
        return Request(
            method=request.method,
            address=f"{self.context.absolute_url_path().rstrip('/')}/{NAME}",
            user=_user(),
            query={} if is_post else form,
            form=form if is_post else {},
            site=request.getHeader("Sec-Fetch-Site"),
            cookie=request.cookies.get(COOKIE),
            is_secure=request.get("SERVER_URL", "").startswith("https:"),
        )


def _user() -> str:
    user = getSecurityManager().getUser()
    return str(user.getId() or user.getUserName())


def _home() -> str | None:
    """Return the home that ``zope.conf`` names, else Zope's own, where a worker may be at home."""
    configuration = getConfiguration()
    products = getattr(configuration, "product_config", None) or {}
    home: str | None = products.get("zcasync", {}).get("home")
    return home or getattr(configuration, "instancehome", None)


def _hidden() -> dict[str, str] | None:
    """Return the token of plone.protect; None: it is not there, or not set up."""
    if authenticator is None:
        return None
    try:
        return {FIELD: authenticator.createToken()}
    except ComponentLookupError:
        return None


def _refusal(request: Any) -> str | None:
    """Return why plone.protect refuses a POST, None: it does not."""
    if request.method != "POST":
        return None
    try:
        authenticator.check(request)
    except Forbidden as error:
        return f"plone.protect refuses the form: {str(error).rstrip('.')}"
    return None
