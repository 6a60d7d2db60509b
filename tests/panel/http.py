"""A panel behind a web server: asked over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from zcasync.panel.requests import Request, Response
from zcasync.panel.tokens import COOKIE

SECONDS = 60.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Answer a redirection as it is."""


class HttpPanel:
    """Answers a Request by one over HTTP; ``headers``: more of them, by user."""

    def __init__(self, url: str, headers: Mapping[str, Mapping[str, str]]) -> None:
        self._url = url
        self._headers = headers
        self._opener = urllib.request.build_opener(_NoRedirects())

    def answer(self, request: Request) -> Response:
        """Ask the server."""
        headers = dict(self._headers.get(request.user, {}))
        if request.cookie is not None:
            headers["Cookie"] = f"{COOKIE}={request.cookie}"
        if request.site is not None:
            headers["Sec-Fetch-Site"] = request.site
        query = f"?{urlencode(request.query)}" if request.query else ""
        body = urlencode(request.form).encode() if request.method == "POST" else None
        asked = urllib.request.Request(
            self._url + query, body, headers=headers, method=request.method
        )
        try:
            with self._opener.open(asked, timeout=SECONDS) as found:
                return _response(found)
        except urllib.error.HTTPError as error:
            with error:
                return _response(error)


def _response(found: Any) -> Response:
    return Response(found.status, found.read().decode(), tuple(found.headers.items()))
