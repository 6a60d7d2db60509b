"""Pyramid: its application in the processes of a worker, and ``request.put`` where its views are.

    including.py     ``config.include("zcasync.pyramid")``: what it brings to an application
    capture.py       what a put remembers of the request in which it is made
    application.py   Application: an ini file as the setting ``application``; its databases
    worker.py        Worker: the WSGI application of an ini file, in a process of a worker
    settings.py      the settings in an ini file, read without loading the application
    databases.py     the databases that ``zodbconn.uri`` names, for whoever opens them
    zodbconn.py      pyramid_zodbconn in a worker: the databases that are open there already
    job_request.py   the request in which a job runs, and its end
    panel.py         the control panel, ``config.include("zcasync.pyramid.panel")``
    policy.py        the security policy of a worker: the user is the one who has put the job

``application zcasync.pyramid:Application etc/production.ini`` in ``etc/zcasync.conf`` sets the
application up in a worker; nothing else needs to know where its databases are.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: The public names and their modules, imported when first used: a command that asks an Application
#: for its databases needs nothing of Pyramid.
_MODULES = {"Application": "zcasync.pyramid.application", "includeme": "zcasync.pyramid.including"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'zcasync.pyramid' has no attribute {name!r}")
