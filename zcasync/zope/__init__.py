"""Zope and Plone: their set-up in workers, and puts that remember who has made them where.

    application.py    Application: the setting ``application`` of a worker, with its ``zope.conf``
    configuration.py  the ``zope.conf``: read, and the databases in it
    boot.py           starts Zope over databases that are open already
    visit.py          what stands around a call, as around a view: request, site, user
    users.py          the user of a call, found again in the user folders
    paths.py          the ways to objects: remembered at the put, gone again for the call
    capture.py        what puts remember of the request in which they are made
    putting.py        put: a call of an object in its place
    protection.py     puts that are lost with their transaction, and told of
    panel.py          the control panel, ``@@zcasync-jobs``; panel.zcml has it registered

An application imports ``put`` from here, and names ``zcasync.zope:Application`` in the settings of
its workers.  Zope is loaded when one of these is used, and not before.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcasync.zope.application import Application as Application
    from zcasync.zope.putting import put as put

__all__ = ["Application", "put"]

_MODULES = {"Application": "zcasync.zope.application", "put": "zcasync.zope.putting"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    before = os.environ.get("INSTANCE_HOME")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    if before is None:  # Zope sets it when it is imported, and zcasync would take it for its home
        os.environ.pop("INSTANCE_HOME", None)
    return found
