"""What a put remembers of the request in which it is made: the user, the URL, the language."""

from __future__ import annotations

from typing import Any

from pyramid.threadlocal import get_current_request
from zope.component import getGlobalSiteManager

from zcasync.interfaces import IContextCapture

NAME = "zcasync.pyramid"


class RequestCapture:
    """An IContextCapture; a put outside of a request remembers nothing."""

    def __call__(self) -> dict[str, Any] | None:
        """Return what a job's request is made of: see ``job_request``."""
        request = get_current_request()
        if request is None:
            return None
        user = request.authenticated_userid
        found = {
            "user": user if isinstance(user, str | int | None) else str(user),
            "server_url": request.application_url,
            "language": getattr(request, "locale_name", None),
        }
        return {name: value for name, value in found.items() if value is not None}


def register() -> None:
    """Register the capture in this process.  Safe to repeat."""
    site = getGlobalSiteManager()
    if site.queryUtility(IContextCapture, NAME) is None:
        site.registerUtility(RequestCapture(), IContextCapture, NAME, event=False)
