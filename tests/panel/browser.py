"""A browser of a manager, as far as a panel can see one: it keeps the cookie and reads forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from zcasync.panel.panel import Panel
from zcasync.panel.requests import Request, Response
from zcasync.panel.tokens import COOKIE

ADDRESS = "/jobs"
FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
TAG = re.compile(r"<[^>]*>")


class Browser:
    """A browser with one tab."""

    def __init__(self, panel: Panel, user: str = "anna") -> None:
        self.panel = panel
        self.user = user
        self.cookie: str | None = None

    def get(self, **query: Any) -> Response:
        """Look at a page."""
        return self.ask("GET", query={name: str(value) for name, value in query.items()})

    def click(self, act: str, job: str) -> Response:
        """Give the form of a job's page that has this act."""
        return self.post(**self.fields(act, job))

    def fields(self, act: str, job: str) -> dict[str, str]:
        """The fields of a form of a job's page."""
        page = self.get(job=job)
        assert page.status == 200, page.body
        for form in page.body.split("<form ")[1:]:
            found = {name: unescape(value) for name, value in FIELD.findall(form)}
            if found.get("act") == act:
                return found
        raise AssertionError(f"no form to {act}: {words(page)}")

    def post(self, site: str | None = "same-origin", **form: str) -> Response:
        """Give a form."""
        return self.ask("POST", form=form, site=site)

    def ask(self, method: str, **given: Any) -> Response:
        """Make a request."""
        request = Request(method, ADDRESS, self.user, cookie=self.cookie, **given)
        answer = self.panel.answer(request)
        for name, value in answer.headers:
            if name == "Set-Cookie":
                self.cookie = value.partition(f"{COOKIE}=")[2].partition(";")[0]
        return answer

    def follow(self, answer: Response) -> Response:
        """Go where an answer leads."""
        assert answer.status == 303, words(answer)
        location = dict(answer.headers)["Location"]
        return self.get(**dict(parse_qsl(urlsplit(location).query)))


def words(page: Response) -> str:
    """The words of a page, without its style."""
    body = re.sub(r"<style>.*</style>", "", page.body, flags=re.DOTALL)
    return " ".join(unescape(TAG.sub(" ", body)).split())


def ids(page: Response) -> list[str]:
    """The jobs that a list names, in its order."""
    return re.findall(r'<td class="id"><a href="[^"]*">([^<]*)</a>', page.body)
