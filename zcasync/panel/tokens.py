"""Tokens against forged requests: a post has to come from a form that the panel has made.

A cookie holds a random key of the browser, a form the HMAC of the user's name under that key: no
other site can read the one or make the other, and no process has to remember anything.  Browsers
that say from where a request comes are believed, too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from zcasync.panel.requests import Request

#: The names of the cookie, and of the field of forms.
COOKIE, FIELD = "zcasync-panel", "zcasync_token"
KEY = re.compile(r"[0-9a-f]{64}")


class Token:
    """The token of a request's browser and user."""

    def __init__(self, request: Request) -> None:
        known = request.cookie or ""
        self._is_known = KEY.fullmatch(known) is not None
        self._key = known if self._is_known else secrets.token_hex(32)
        self._request = request

    @property
    def value(self) -> str:
        """The value for a form."""
        user = self._request.user.encode("utf-8", "backslashreplace")
        return hmac.new(self._key.encode(), user, hashlib.sha256).hexdigest()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header that makes a browser keep its key; none where it has one."""
        if self._is_known:
            return ()
        secure = "; Secure" if self._request.is_secure else ""
        return (("Set-Cookie", f"{COOKIE}={self._key}; Path=/; HttpOnly; SameSite=Lax{secure}"),)

    def why_refused(self) -> str | None:
        """Return why a post cannot be trusted, in words; None: it can."""
        if self._request.site not in (None, "same-origin"):
            return "the request comes from another site"
        given = self._request.form.get(FIELD, "")
        if not (self._is_known and hmac.compare_digest(given.encode(), self.value.encode())):
            return (
                "the form is not one that this panel has made for you, or its cookie is gone: "
                "look at the job again, and give the form from there"
            )
        return None
