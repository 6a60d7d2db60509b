"""The security policy of a worker: the user of a job is the one for whom it was put."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from pyramid.interfaces import ISecurityPolicy
from pyramid.security import Allowed
from zope.interface import implementer

#: In the environ of a job's request: the user's id, None for nobody; and that the application's
#: policy was told of that user.
USER, IS_INTRODUCED = "zcasync.user", "zcasync.is_introduced"


@implementer(ISecurityPolicy)
class JobPolicy:
    """The application's policy, which believes that a job's user has logged in.

    ``request.authenticated_userid`` is who was remembered at the put.  The identity and what it is
    permitted are the application's own answers: its policy is asked to remember the user in the
    job's request, as when somebody logs in, and finds its own cookie, session or REMOTE_USER.
    """

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def authenticated_userid(self, request: Any) -> Any:
        """Return the id of the job's user; None for nobody."""
        if USER in request.environ:
            return request.environ[USER]
        return self._policy.authenticated_userid(request)

    def identity(self, request: Any) -> Any:
        """Return the identity that the application has for the user."""
        self._introduce(request)
        return self._policy.identity(request)

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        """Return whether the application permits it to the user."""
        self._introduce(request)
        return self._policy.permits(request, context, permission)

    def remember(self, request: Any, userid: Any, **kw: Any) -> Any:
        """Return the application's headers that remember a user."""
        return self._policy.remember(request, userid, **kw)

    def forget(self, request: Any, **kw: Any) -> Any:
        """Return the application's headers that forget the user."""
        return self._policy.forget(request, **kw)

    def _introduce(self, request: Any) -> None:
        """Have the user of a job remembered in its request, once."""
        user = request.environ.get(USER)
        if user is None or request.environ.get(IS_INTRODUCED):
            return
        request.environ[IS_INTRODUCED] = True
        # One for clients that log in at each request, by an API key for instance, may have none.
        remember = getattr(self._policy, "remember", None)
        for name, value in (remember and remember(request, user)) or ():
            if name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    request.cookies[key] = morsel.value


@implementer(ISecurityPolicy)
class NoPolicy:
    """What an application without a policy has: it knows nobody, and permits all."""

    def authenticated_userid(self, request: Any) -> None:
        """Return None."""

    def identity(self, request: Any) -> None:
        """Return None."""

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        """Return that it is allowed."""
        return Allowed("no security policy in use.")

    def remember(self, request: Any, userid: Any, **kw: Any) -> list[Any]:
        """Return no headers."""
        return []

    def forget(self, request: Any, **kw: Any) -> list[Any]:
        """Return no headers."""
        return []


def trust_jobs(registry: Any) -> None:
    """Let the security policy of an application believe the jobs of this worker."""
    policy = registry.queryUtility(ISecurityPolicy)
    registry.registerUtility(JobPolicy(policy or NoPolicy()), ISecurityPolicy)
