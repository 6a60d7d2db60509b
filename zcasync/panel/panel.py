"""Panel: answers the requests of a manager about the jobs of a database.

Who serves it finds out who asks, and refuses all but managers, before it asks the panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSError

from zcasync.control.jobs import Job, find_job, text_of
from zcasync.control.refusal import AWAY, Refusal
from zcasync.errors import ZCAsyncError
from zcasync.job.ids import parse
from zcasync.panel.acts import ACTS, Act
from zcasync.panel.desk import Desk, desk
from zcasync.panel.frame import HEADERS, alert, page
from zcasync.panel.job import look_up
from zcasync.panel.job_page import job_page
from zcasync.panel.list_page import list_page
from zcasync.panel.listing import KINDS, MOST_LOOKED_AT, ROWS, Choice, listing
from zcasync.panel.markup import address, tag
from zcasync.panel.requests import Request, Response
from zcasync.panel.supervisor import reach
from zcasync.panel.tokens import FIELD, Token
from zcasync.reports.fields import Fields
from zcasync.reports.selection import site_of
from zcasync.text import message_of

#: Errors that have an answer in words; all others are the server's to report.
TOLD = (ZCAsyncError, TransientError, POSError, OSError)
#: Longer names of calls are cut.
MOST_CHARACTERS = 500
ALLOWED = ("GET", "HEAD", "POST")


class Panel:
    """The panel of a database.

    ``db``: the application's main database, open; ``home``: the folder of the home whose supervisor
    is asked to end what runs, None: ``$INSTANCE_HOME``, where that is one; ``site``: the path of
    the site whose jobs alone are shown and changed, None: those of all.
    """

    def __init__(self, db: Any, home: str | None = None, site: str | None = None) -> None:
        self._db = db
        self._home = home
        self._site = site

    def answer(
        self, request: Request, hidden: Mapping[str, str] | None = None, refusal: str | None = None
    ) -> Response:
        """Return the answer to a request of a manager.  Only a POST changes anything.

        ``hidden``: more fields for forms, ``refusal``: why a POST is refused in any case: where the
        framework has tokens of its own.  Raises what is no fault of the database.
        """
        token = Token(request)
        if request.method not in ALLOWED:
            allow = (("Allow", ", ".join(ALLOWED)),)
            found = _words(request, 405, f"{request.method} is not answered here.", allow)
        else:
            try:
                with desk(self._db) as own:
                    one = _Answering(
                        own, request, reach(self._home), token, hidden or {}, self._site
                    )
                    found = one.post(refusal) if request.method == "POST" else one.get()
            except Refusal as error:
                found = _words(request, 404, str(error))
            except TOLD as error:
                found = _words(request, 503, f"{type(error).__name__}: {message_of(error)}")
        return replace(found, headers=(*HEADERS, *found.headers, *token.headers))


def _words(
    request: Request, status: int, words: str, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    back = tag("p", tag("a", "The list of jobs", href=address(request.address)))
    return Response(status, page("Jobs", request.address, alert("bad", words), back), headers)


class _Answering:
    """The answer to one request."""

    def __init__(
        self,
        own: Desk,
        request: Request,
        supervisor: Any,
        token: Token,
        hidden: Mapping[str, str],
        site: str | None,
    ) -> None:
        self._site = site
        self._desk = own
        self._request = request
        self._supervisor = supervisor
        self._token = token
        self._hidden = {**hidden, FIELD: token.value}

    def get(self) -> Response:
        """Show the list, or one job.  Raises Refusal where there is no such job."""
        query = self._request.query
        named = query.get("job") or _as_id(query.get("call"))
        if named is not None:
            return self._job(_parse(named), 200, said=query.get("said"))
        call = (query.get("call") or "").strip()[:MOST_CHARACTERS] or None
        choice = Choice(_kind(query), call, _page(query), self._site)
        found = self._desk.look(lambda _, manager: listing(manager, choice, self._supervisor))
        return Response(200, list_page(found, self._request.address, self._supervisor.why))

    def post(self, refusal: str | None) -> Response:
        """Do what a form asks for, and show the job."""
        form, problem = self._request.form, refusal or self._token.why_refused()
        if problem is not None:
            return _words(self._request, 403, f"Nothing was changed: {problem}.")
        act, job = ACTS.get(form.get("act", "")), _parse(form.get("job", ""))
        if act is None:
            return _words(self._request, 400, "Nothing was changed: there is no such act.")
        self._require_own(job)
        try:
            said = act(Act(self._desk, job, self._request.user, self._supervisor))
        except Refusal as error:
            return self._job(job, 503 if error.code == AWAY else 409, bad=_sentence(str(error)))
        after = address(self._request.address, job=form["job"], said=said)
        return Response(303, headers=(("Location", after),))

    def _job(
        self, job: Job, status: int, said: str | None = None, bad: str | None = None
    ) -> Response:
        self._require_own(job)
        found = self._desk.look(lambda here, manager: look_up(here, manager, job, self._supervisor))
        return Response(status, job_page(found, self._request.address, self._hidden, said, bad))

    def _require_own(self, job: Job) -> None:
        """Raise Refusal for a job of another site, as if there were none."""
        if self._site is None:
            return
        found = self._desk.look(lambda here, _: site_of(Fields(find_job(here, job))))
        if found != self._site:
            raise Refusal(f"there is no job {text_of(job)} of the site {self._site}")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _parse(text: str) -> Job:
    try:
        return parse(text)
    except ValueError as error:
        raise Refusal(str(error)) from error


def _as_id(text: str | None) -> str | None:
    """Return what was looked for where that is an id and no name."""
    found = (text or "").strip()
    return found if found.rpartition(":")[2].startswith("0x") else None


def _kind(query: Mapping[str, str]) -> str:
    kind = query.get("kind", "all")
    return kind if kind in KINDS else "all"


def _page(query: Mapping[str, str]) -> int:
    """Return the number of the page: 1 for what is none, the last one for what is beyond."""
    given = query.get("page", "")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 1
    return min(max(number, 1), MOST_LOOKED_AT // ROWS)
