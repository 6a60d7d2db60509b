"""The control panel in Pyramid: ``config.include("zcasync.pyramid.panel", route_prefix="admin")``.

It is at ``zcasync-jobs`` under the prefix.  Settings: ``zcasync.panel.permission`` (by default
``zcasync.manage``, which nobody has without a grant), and ``zcasync.home``, the home of the
supervisor that ends what runs.
"""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPForbidden
from pyramid.interfaces import ISecurityPolicy
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid_zodbconn import get_connection

import zcasync.panel
from zcasync.panel.requests import Request
from zcasync.panel.tokens import COOKIE

ROUTE = "zcasync.panel"
PATH = "/zcasync-jobs"
PERMISSION = "zcasync.manage"


def includeme(config: Any) -> None:
    """Add the panel.  Needs pyramid_zodbconn, and a security policy: without one nobody gets in."""
    config.add_route(ROUTE, PATH)
    # The panel has tokens of its own, for applications without sessions; the view asks for the
    # permission, because Pyramid lets everybody in where there is no policy.
    config.add_view(jobs, route_name=ROUTE, permission=NO_PERMISSION_REQUIRED, require_csrf=False)


def jobs(request: Any) -> Response:
    """Answer a manager.  Raises HTTPForbidden for everybody else."""
    settings = request.registry.settings or {}
    _require(request, settings.get("zcasync.panel.permission") or PERMISSION)
    db = get_connection(request).db()
    answer = zcasync.panel.Panel(db, settings.get("zcasync.home")).answer(_asked(request))
    response = Response(status=answer.status, text=answer.body)
    for name, value in answer.headers:
        if name == "Set-Cookie":
            response.headers.add(name, value)
        else:
            response.headers[name] = value
    return response


def _require(request: Any, permission: str) -> None:
    """Raise HTTPForbidden unless the security policy grants a permission."""
    if request.registry.queryUtility(ISecurityPolicy) is None:
        raise HTTPForbidden(
            "The control panel of zcasync is closed: this application has no security policy that "
            f"could grant {permission}."
        )
    found = request.has_permission(permission)
    if not found:
        raise HTTPForbidden(f"The control panel of zcasync needs {permission}.", result=found)


def _asked(request: Any) -> Request:
    user = request.authenticated_userid
    return Request(
        method=request.method,
        address=request.route_path(ROUTE),
        user="somebody" if user is None else str(user),
        query=dict(request.GET),
        form={name: value for name, value in request.POST.items() if isinstance(value, str)},
        site=request.headers.get("Sec-Fetch-Site"),
        cookie=request.cookies.get(COOKIE),
        is_secure=request.scheme == "https",
    )
