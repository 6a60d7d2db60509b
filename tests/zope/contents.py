"""The contents of the site: a data manager, jobs, and a document that not everybody may see."""

from __future__ import annotations

from typing import Any

from AccessControl.class_init import InitializeClass
from AccessControl.SecurityInfo import ClassSecurityInfo
from Acquisition import aq_base
from OFS.DTMLMethod import DTMLMethod
from OFS.Folder import Folder
from OFS.SimpleItem import SimpleItem
from Products.Five.browser import BrowserView
from Products.PageTemplates.ZopePageTemplate import ZopePageTemplate
from zope.interface import implementer
from zope.publisher.interfaces import IPublishTraverse

from tests.support.sessions import ONE
from tests.zope.probes import SECRET
from zcasync.datamanager import Worker, install
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ROOT_KEY
from zcasync.job.failure import from_exception
from zcasync.partial import Partial
from zcasync.workers.incarnation import Incarnation

#: The calls of the jobs in this process.
CALLED: list[Any] = []


class Document(SimpleItem):
    """An object of the application that everybody may see where its folder says nothing else."""

    security = ClassSecurityInfo()
    security.declareObjectProtected("View")
    security.setPermissionDefault("View", ("Anonymous", "Manager"))

    def __init__(self) -> None:
        self.id = "document"

    @security.protected("View")
    def index_html(self) -> str:
        """Show the content."""
        return SECRET


InitializeClass(Document)


class View(BrowserView):
    """A view for everybody."""

    __roles__ = None


@implementer(IPublishTraverse)
class Lookup(View):
    """Leads the path on to an object of the application, by its name."""

    def publishTraverse(self, request: Any, name: str) -> Any:
        """Return the object with this name."""
        return getattr(aq_base(self.context), name)


class Details(View):
    """What the application shows of a job."""

    def __call__(self) -> str:
        """Show its state."""
        return str(self.context.state)


def call(*args: Any, **kwargs: Any) -> str:
    """The call of every job."""
    CALLED.append(args)
    return SECRET


def fill(app: Any) -> None:
    """Put everything where a site may have it; as it was, where it is there."""
    app._p_jar.root().pop(ROOT_KEY, None)
    app.manager = install(app._p_jar)
    app.private = private_folder()
    app.job = Partial(call, SECRET, document=app.private.document.aq_base)
    app.done = ended(from_exception(ValueError(SECRET)))
    app.shown = ended(app.private.document.aq_base)
    app.page = ZopePageTemplate("page")
    app.method = DTMLMethod()
    put_jobs(app.manager)
    app.jobs = [app.job, aq_base(app).manager]


def private_folder() -> Any:
    """A folder whose document managers may see, and nobody else."""
    folder = Folder("private")
    folder.manage_permission("View", ["Manager"], acquire=0)
    folder.document = Document()
    return folder


def put_jobs(manager: Any) -> None:
    """Let two jobs wait, one be claimed, and one be completed."""
    worker = Worker(ONE)
    manager.workers.add(worker)
    worker.incarnation = Incarnation(ONE, ONE, ProcessIdentity.here())
    for _ in range(3):
        partial = Partial(call, SECRET, key=SECRET)
        partial.annotations["note"] = SECRET
        partial.addCallbacks(call, call)
        manager.thread.put(partial)
    claimed = manager.thread.claim(ONE.bytes, 1).partials[0]
    claimed.assign(worker.incarnation)
    worker.thread.add(claimed)
    worker.completed.add(ended(SECRET))


def ended(result: Any) -> Partial:
    """A job that has its result."""
    partial = Partial(call, SECRET)
    partial.start()
    partial.finish(result)
    return partial
