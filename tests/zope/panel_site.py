"""``python -m tests.zope.panel_site FOLDER``: what the panel of a Zope answers whom, as JSON.

A process of its own, as :mod:`tests.zope.site` says.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import Zope2
from zope.configuration import xmlconfig

import zcasync.zope
from tests.panel.browser import Browser, words
from tests.panel.wsgi import WsgiPanel
from tests.zope.probes import PASSWORD
from tests.zope.site import Site, application
from zcasync import Partial
from zcasync.datamanager import find, install
from zcasync.panel.requests import Response

USERS = ("anonymous", "member", "local", "manager")


def put(app: Any) -> str:
    """Put a job; its id."""
    partial = find(app._p_jar).thread.put(Partial(abs, -1))  # type: ignore[union-attr]
    app._p_jar.transaction_manager.commit()
    return str(partial.id)


def told(answer: Response) -> list[Any]:
    """Return the status, the words and some headers of an answer."""
    names = ("Location", "Content-Security-Policy", "Cache-Control", "X-Theme-Disabled")
    headers = {name: value for name, value in answer.headers if name in names}
    return [answer.status, words(answer), headers]


class Story:
    """What is asked, one after the other."""

    def __init__(self, publish: Any) -> None:
        self.found: dict[str, Any] = {}
        self._environ = {
            user: {
                "HTTP_AUTHORIZATION": "Basic "
                + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
            }
            for user in USERS[1:]
        }
        self._publish = publish

    def browser(self, user: str, place: str = "") -> Browser:
        """The browser of a user."""
        panel: Any = WsgiPanel(self._publish, f"{place}/@@zcasync-jobs", self._environ)
        return Browser(panel, user)

    def play(self) -> None:
        """Ask."""
        with application() as app:
            install(app._p_jar)
            app.manage_addFolder("folder")
            app.acl_users._doAddUser("local", PASSWORD, ["Member"], [])
            app.folder.manage_setLocalRoles("local", ["Manager"])
        with application() as app:
            job = put(app)
        manager = self.browser("manager")
        forms = manager.fields("cancel", job)
        before = Zope2.DB.lastTransaction()
        for user in USERS[:-1]:
            other = self.browser(user)
            self.found[f"{user} looks"] = told(other.get())
            other.cookie = manager.cookie
            self.found[f"{user} cancels"] = told(other.post(**forms))
        self.found["local looks in the folder"] = told(self.browser("local", "/folder").get())
        self.found["manager looks"] = told(manager.get())
        self.found["manager looks at one"] = told(manager.get(job=job))
        self.found["manager without a token"] = told(manager.post(act="cancel", job=job))
        self.found["manager by GET"] = told(manager.ask("GET", query=forms))
        self.found["another site"] = told(manager.post(site="cross-site", **forms))
        self.found["nothing changed"] = Zope2.DB.lastTransaction() == before
        done = manager.post(**forms)
        self.found["manager cancels"] = told(done)
        self.found["after that"] = told(manager.follow(done))
        self.found["manager cancels again"] = told(manager.post(**forms))
        self.found["manager retries"] = told(manager.follow(manager.click("retry", job)))


def main() -> None:
    """Play the story."""
    out, sys.stdout = sys.stdout, sys.stderr
    site = Site(Path(sys.argv[1]))
    xmlconfig.file("panel.zcml", zcasync.zope)
    story = Story(site.publish)
    story.play()
    json.dump(story.found, out)


if __name__ == "__main__":
    main()
