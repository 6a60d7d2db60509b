"""Pyramid: its application in the processes of a worker, and ``request.put`` where its views are.

    including.py     ``config.include("zcasync.pyramid")``: what it brings to an application
    capture.py       what a put remembers of the request in which it is made
    application.py   Application: the WSGI application of an ini file, in a worker
    settings.py      the settings in an ini file, read without loading the application
    databases.py     the databases that ``zodbconn.uri`` names, for whoever opens them
    zodbconn.py      pyramid_zodbconn in a worker: the databases that are open there already
    job_request.py   the request in which a job runs, and its end
    panel.py         the control panel, ``config.include("zcasync.pyramid.panel")``
    policy.py        the security policy of a worker: the user is the one who has put the job

``application zcasync.pyramid:Application etc/production.ini`` in ``etc/zcasync.conf`` sets the
application up in a worker; nothing else needs to know where its databases are.
"""

from zcasync.pyramid.application import Application
from zcasync.pyramid.including import includeme

__all__ = ["Application", "includeme"]
