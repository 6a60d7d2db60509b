"""A visitor of a site: GET, and POST of forms, over HTTP."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import IO, Any

#: For an answer of a site that the machine has little time for.
SECONDS = 60.0


@dataclass(frozen=True)
class Upload:
    """A file in a form."""

    name: str
    content: bytes
    kind: str = "application/octet-stream"


@dataclass(frozen=True)
class Answer:
    """What a site has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Answer a redirection as it is."""


class Browser:
    """A visitor; ``user`` None: nobody who is known."""

    def __init__(self, url: str, user: str | None = None, password: str = "") -> None:
        self.url = url
        self._headers = {}
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._opener = urllib.request.build_opener(_NoRedirects())

    def get(self, path: str, /, **query: Any) -> Answer:
        """Return the answer to a GET; errors and redirections are answers, too."""
        words = f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""
        return self._ask(urllib.request.Request(f"{self.url}{path}{words}", headers=self._headers))

    def post(self, path: str, /, **form: Any) -> Answer:
        """Return the answer to a form; values may be an Upload."""
        kind, body = _encoded(form)
        return self._ask(
            urllib.request.Request(
                f"{self.url}{path}", body, {**self._headers, "Content-Type": kind}, method="POST"
            )
        )

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=SECONDS) as found:
                return _answer(found)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)


def _answer(found: HTTPResponse | urllib.error.HTTPError | IO[bytes] | Any) -> Answer:
    return Answer(found.status, dict(found.headers.items()), found.read())


def _encoded(form: Mapping[str, Any]) -> tuple[str, bytes]:
    if not any(isinstance(one, Upload) for one in form.values()):
        return "application/x-www-form-urlencoded", urllib.parse.urlencode(form, True).encode()
    boundary = uuid.uuid4().hex
    parts = []
    for name, value in form.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, Upload):
            head += f'; filename="{value.name}"\r\nContent-Type: {value.kind}'
            parts.append(f"{head}\r\n\r\n".encode() + value.content + b"\r\n")
        else:
            parts.append(f"{head}\r\n\r\n{value}\r\n".encode())
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)
