"""A panel behind a WSGI application: asked as a browser does, by HTTP."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from zcasync.panel.requests import Request, Response
from zcasync.panel.tokens import COOKIE


class WsgiPanel:
    """Answers a Request by a request to an application; ``environ``: more of that, by user."""

    def __init__(
        self, application: Any, path: str, environ: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._application = application
        self._path = path
        self._environ = environ

    def answer(self, request: Request) -> Response:
        """Ask the application."""
        body = urlencode(request.form).encode()
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": self._path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": urlencode(request.query),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": "localhost",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            **self._environ.get(request.user, {}),
        }
        if request.cookie is not None:
            jar: SimpleCookie = SimpleCookie({COOKIE: request.cookie})
            environ["HTTP_COOKIE"] = jar.output(header="", sep=";").strip()
        if request.site is not None:
            environ["HTTP_SEC_FETCH_SITE"] = request.site
        said: list[Any] = []
        try:
            parts = self._application(environ, lambda *given: said.append(given))
            text = b"".join(parts).decode()
        except Exception as error:  # of which a site's middleware makes a page
            return Response(getattr(error, "status", None) or 500, str(error))
        status, headers = said[0][:2]
        return Response(int(status.split()[0]), text, tuple(headers))
