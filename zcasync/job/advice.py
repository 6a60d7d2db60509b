"""Advice for values that no job can be given: what they are, and what to give instead."""

from __future__ import annotations

import io
import threading
import types
from typing import Any

#: The beginning of a class's full name, and the advice.
_BY_NAME = {
    "Acquisition.": "an acquisition wrapper: put the call with zcasync.zope.put, which has the job "
    "find the object in its place, or give the object itself, Acquisition.aq_base(obj)",
    "ZPublisher.": "a request, which ends with its response: give the values that the job needs",
    "zope.publisher.": "a request, which ends with its response: give the values that the job "
    "needs",
    "pyramid.request.": "a request, which ends with its response: give the values that the job "
    "needs",
    "webob.": "a request or response, which ends here: give the values that the job needs",
    "AccessControl.": "a user or part of security, which is found anew in each process: give the "
    "user's id",
    "Products.PluggableAuthService.": "a user, who is found anew in each process: give the user's "
    "id",
    "Products.PlonePAS.": "a user, who is found anew in each process: give the user's id",
    "zope.interface.registry.": "a component registry: look components up in the job",
    "zope.component.": "a component registry: look components up in the job",
    "pyramid.registry.": "a registry: look it up in the job",
    "pyramid.config.": "a configuration: look it up in the job",
    "ZODB.Connection.": "a database connection: give objects, or their oids; a job has a "
    "connection of its own",
    "ZODB.DB.": "a database: a job has a connection of its own",
    "_thread.": "a lock of this process: others cannot wait for it, use a file or a record",
    "socket.": "a socket, open in this process only: give its address",
    "twisted.": "a part of Twisted, which lives in this process only: give plain values",
}
_FILE = "an open file: give its path, or a blob"
_OF_THIS_PROCESS = "which lives in this process only: give plain values"


def advice(value: Any) -> str | None:
    """Return what a value is that cannot be stored, and what to give instead; None: not known."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    for beginning, text in _BY_NAME.items():
        if name.startswith(beginning):
            return text
    if isinstance(value, io.IOBase):
        return _FILE
    if isinstance(value, threading.Thread | types.GeneratorType | types.CoroutineType):
        return f"a {kind.__name__}, {_OF_THIS_PROCESS}"
    if isinstance(value, types.ModuleType):
        return f"the module {value.__name__}: give its name"
    return None
