"""The control panel: pages of a web application with its jobs, for managers who have no shell.

panel.py       Panel: answers the requests of a manager
requests.py    Request and Response, whatever serves them
tokens.py      Token: a post has to come from a form of ours
desk.py        Desk: the database, read and changed without the application's classes
supervisor.py  what can be known of the supervisor from here
listing.py     a page of the list of jobs, as data
job.py         one job as data
acts.py        cancel and retry
list_page.py   the list as HTML
job_page.py    one job as HTML
frame.py       the frame of every page
markup.py      HTML of which every text is escaped
style.css      the style, which is written into each page

``zcasync.zope.panel`` and ``zcasync.pyramid.panel`` serve it: they find out who asks, make a
Request, and refuse all but managers.  Reading goes through ``zcasync.reports``, changing through
``zcasync.control``, as on the command line.  Pages hold no scripts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcasync.panel.panel import Panel as Panel

__all__ = ["Panel"]


def __getattr__(name: str) -> Any:
    """Load the panel when it is asked for: workers have the applications, and serve no pages."""
    if name != "Panel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = import_module("zcasync.panel.panel").Panel
    return found
