"""``python -m tests.zope.site FOLDER``: a Zope with jobs under its application.

A process of its own, because Zope's configuration, component registry and security policy are
global.  It reads probes from standard input, makes each with the site as it was in the beginning,
and prints the answers.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import transaction
import Zope2
from AccessControl import SpecialUsers
from AccessControl.SecurityManagement import newSecurityManager, noSecurityManager
from AccessControl.ZopeGuards import get_safe_globals, guarded_getattr
from Acquisition import aq_base
from RestrictedPython import compile_restricted_exec
from zExceptions import Unauthorized
from zope.component import provideAdapter
from zope.interface import Interface
from zope.publisher.interfaces import IRequest
from zope.traversing import namespace
from zope.traversing.interfaces import ITraversable
from Zope2.Startup.run import make_wsgi_app

from tests.support.reach import is_ours, reach
from tests.zope.contents import CALLED, Details, Lookup, fill
from tests.zope.probes import KINDS, PASSWORD, Answer, Probe, Script, Visit, Walk
from zcasync.interfaces import IPartial, ZCAsyncError

CONFIGURATION = """\
instancehome {folder}
enable-xmlrpc on
<zodb_db main>
  <filestorage>
    path {folder}/Data.fs
  </filestorage>
  mount-point /
</zodb_db>
"""
ZCML = """\
<configure xmlns="http://namespaces.zope.org/zope">
  <include package="Zope2.App" />
</configure>
"""
SHOWN_CHARACTERS = 500


class Site:
    """A Zope that serves a folder of its own."""

    def __init__(self, folder: Path) -> None:
        etc = folder / "etc"
        etc.mkdir()
        (etc / "site.zcml").write_text(ZCML)
        (etc / "zope.conf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "access").write_text(f"emergency:{PASSWORD}\n")
        self.publish = make_wsgi_app({}, str(etc / "zope.conf"))
        offer_ways_around()
        with application() as app:
            for user, role in (("member", "Member"), ("manager", "Manager")):
                app.acl_users._doAddUser(user, PASSWORD, [role], [])

    def answer(self, probe: Probe) -> Answer:
        """Make a probe."""
        with application() as app:
            fill(app)
            if isinstance(probe, Visit):
                app.page.write(probe.page)
                app.method.munge(probe.page)
        CALLED.clear()
        before = Zope2.DB.lastTransaction()
        match probe:
            case Visit():
                outcome, text = self._visit(probe)
            case Script():
                outcome, text = as_user(probe.user, lambda app: execute(app, probe.code))
            case Walk():
                outcome, text = as_user(probe.user, walk)
        has_changed = Zope2.DB.lastTransaction() != before
        return Answer(outcome, text[:SHOWN_CHARACTERS], bool(CALLED), has_changed)

    def _visit(self, visit: Visit) -> tuple[str, str]:
        """Ask for a path as a browser does; return the status and the text."""
        body = visit.body.encode()
        environ = {
            "REQUEST_METHOD": visit.method,
            "PATH_INFO": visit.path,
            "QUERY_STRING": visit.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "text/xml" if body else "",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        }
        if visit.user != "anonymous":
            pair = base64.b64encode(f"{visit.user}:{PASSWORD}".encode()).decode()
            environ["HTTP_AUTHORIZATION"] = f"Basic {pair}"
        said: list[str] = []
        try:
            parts = self.publish(environ, lambda status, headers: said.append(status))
            return said[0], b"".join(parts).decode()
        except Exception as error:  # of which a site's middleware makes a page
            return type(error).__name__, str(error)


def offer_ways_around() -> None:
    """Register what applications may have, past what the publisher asks at a step of its own."""
    for name, factory in (("attribute", namespace.attr), ("item", namespace.item)):
        provideAdapter(factory, (None, IRequest), ITraversable, name)
    provideAdapter(Lookup, (None, IRequest), Interface, "lookup")
    provideAdapter(Details, (IPartial, IRequest), Interface, "details")


@contextmanager
def application() -> Iterator[Any]:
    """The application, for code that is trusted; what was done to it is committed."""
    app = Zope2.app()
    try:
        yield app
        transaction.commit()
    finally:
        transaction.abort()
        app._p_jar.close()


def as_user(name: str, act: Any) -> tuple[str, str]:
    """Act on the application with the rights of a user."""
    with application() as app:
        folder = app.acl_users
        if name == "anonymous":
            user = SpecialUsers.nobody
        elif name == "emergency":
            user = SpecialUsers.emergency_user
        else:
            user = folder.getUser(name)
        newSecurityManager(None, user.__of__(folder))
        try:
            found: tuple[str, str] = act(app)
            return found
        finally:
            noSecurityManager()


def execute(app: Any, code: str) -> tuple[str, str]:
    """Execute restricted code; ``answer`` is what it has found."""
    compiled = compile_restricted_exec(code)
    assert not compiled.errors, compiled.errors
    names = {**get_safe_globals(), "_getattr_": guarded_getattr, **handed_over(app)}
    try:
        exec(compiled.code, names)
    except Exception as error:
        return type(error).__name__, ""  # its text may be what was kept from the script
    return "found", repr(names.get("answer"))


def handed_over(app: Any) -> dict[str, Any]:
    """The application, and what trusted code may hand to a script, by the script's names."""
    manager = aq_base(app).manager
    partial = next(iter(manager.thread))
    return {
        "site": app,
        "manager": manager,
        "queue": manager.thread,
        "workers": manager.workers,
        "several": [manager, partial],
        "args": partial.args,
        "kwargs": partial.kwargs,
        "notes": partial.annotations,
    }


def walk(app: Any) -> tuple[str, str]:
    """Name each attribute that is let through of all that the data manager leads to."""
    let_through = set()
    asked = 0
    for one in filter(is_ours, reach(aq_base(app).manager)):
        for name in dir(one):
            if name.startswith("_") or isinstance(one, ZCAsyncError):
                continue
            asked += 1
            try:
                guarded_getattr(one, name)
            except Unauthorized:
                continue
            let_through.add(f"{type(one).__name__}.{name}")
    assert asked
    return "found" if let_through else "Unauthorized", f"{asked} asked; {sorted(let_through)}"


def main() -> None:
    """Answer the probes on standard input."""
    out, sys.stdout = sys.stdout, sys.stderr
    site = Site(Path(sys.argv[1]))
    probes = [KINDS[kind](**fields) for kind, fields in json.load(sys.stdin)]
    json.dump([asdict(site.answer(probe)) for probe in probes], out)


if __name__ == "__main__":
    main()
