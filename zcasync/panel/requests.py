"""Request and Response: what a panel is asked and answers, whatever serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """A request of a manager; that it is one was found out by who has made this.

    ``address``: the path of the panel, as browsers see it; ``query`` and ``form``: the parameters
    of the address and of a post, the last one of each name; ``user``: who asks; ``site``: the
    header ``Sec-Fetch-Site``, None where there is none; ``cookie``: the value of the cookie
    ``COOKIE``.
    """

    method: str
    address: str
    user: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    site: str | None = None
    cookie: str | None = None
    is_secure: bool = False


@dataclass(frozen=True)
class Response:
    """An answer.  ``body``: HTML, or '' ."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
