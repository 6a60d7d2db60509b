"""``config.include("zcasync.pyramid")``: what it brings to an application, in each process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pyramid.interfaces import IApplicationCreated
from pyramid_zodbconn import get_connection

from zcasync.calls import put as put_call
from zcasync.errors import ConfigurationError
from zcasync.interfaces import ASYNC_DATABASE
from zcasync.partial import Partial
from zcasync.pyramid import capture
from zcasync.pyramid.job_request import CONTEXTS
from zcasync.pyramid.zodbconn import database_of, is_worker
from zcasync.registry import configure
from zcasync.subscribers import basicInstallerAndNotifier, installerAndNotifier


def includeme(config: Any) -> None:
    """Add ``request.put`` and ``config.add_job_context``; have puts remember their request.

    Once the application is made, the data manager is installed in its database, where there is none
    yet.  Needs pyramid_zodbconn and pyramid_tm.
    """
    configure()
    configure(config.registry)  # where adapters are looked up after config.hook_zca()
    capture.register()
    config.add_request_method(put)
    config.add_directive("add_job_context", add_job_context)
    config.add_subscriber(install, IApplicationCreated)


def put(request: Any, call: Any, *args: Any, **options: Any) -> Partial:
    """Put a call in the thread queue, in the transaction of a request; return its partial.

    ``args`` are the call's arguments, ``options`` those of :func:`zcasync.put`, whose errors it
    raises.  The call is there when ``request.tm`` commits.  Raises ConfigurationError for a request
    without one.
    """
    if getattr(request, "tm", None) is None:
        raise ConfigurationError(
            "request.put is part of the request's transaction, and there is none: "
            'config.include("pyramid_tm")'
        )
    return put_call(get_connection(request), call, *args, **options)


def add_job_context(config: Any, factory: Any) -> None:
    """Add a context manager around each attempt at a job and its commit: a directive.

    ``factory(request, partial)`` returns it; a dotted name will do.
    """
    factory = config.maybe_dotted(factory)
    config.action(None, lambda: config.registry.setdefault(CONTEXTS, []).append(factory))


def install(event: Any) -> None:
    """Install the data manager in the database of a new application; a worker's has one."""
    if is_worker():
        return
    database = database_of(event.app.registry)
    has_second = ASYNC_DATABASE in database.databases
    installer = installerAndNotifier if has_second else basicInstallerAndNotifier
    installer(SimpleNamespace(database=database))
