"""The request in which a job runs: made for an attempt at it, and taken down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pyramid.interfaces import IRequestFactory
from pyramid.request import Request
from pyramid.scripting import prepare
from pyramid.threadlocal import manager as threadlocals

from zcasync.pyramid.policy import USER

#: In the registry: the factories of ``config.add_job_context``, in the order of their inclusion.
CONTEXTS = "zcasync.job_contexts"


@contextmanager
def job_request(registry: Any, databases: Any, partial: Any, connection: Any) -> Iterator[Any]:
    """Make the request of a job the current one, with its root and within the job's contexts.

    ``databases``: an :class:`zcasync.pyramid.zodbconn.OpenDatabases`.  Raises what the root factory
    and the contexts of the application raise.
    """
    depth = len(threadlocals.stack)
    try:
        with ExitStack() as stack:
            request = _request(registry, partial, connection)
            stack.enter_context(databases.connected(request, connection))
            request.root = stack.enter_context(prepare(request, registry))["root"]
            if getattr(request, "tm", None) is None:
                request.tm = connection.transaction_manager
            for context in registry.get(CONTEXTS, ()):
                stack.enter_context(context(request, partial))
            yield request
    finally:
        del threadlocals.stack[depth:]  # a root factory or a callback that raises leaves them there


def _request(registry: Any, partial: Any, connection: Any) -> Any:
    """Return a request as the one in which the job was put, as far as that was remembered."""
    context = partial.context
    user = context.get("run_as", context.get("user"))
    request_factory = registry.queryUtility(IRequestFactory, default=Request)
    request = request_factory.blank("/", base_url=context.get("server_url"))
    request.registry = registry
    # The names that pyramid_tm looks for, and sets.
    request.environ["tm.manager"] = connection.transaction_manager
    request.environ["tm.active"] = True
    request.environ[USER] = user
    if user is not None:
        request.environ["REMOTE_USER"] = str(user)
    if "language" in context:
        request.locale_name = context["language"]
    return request
