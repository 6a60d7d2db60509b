"""Views of the tests: one puts any of their jobs, one edits, one asks the catalog."""

from __future__ import annotations

import json
from typing import Any

from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

from tests.integrations.plone import jobs
from zcasync.zope import put

#: Where a form says what is put, and what it is called with.
CALL, ARGUMENTS = "call", "arguments"


class Put(BrowserView):
    """Puts a job of :mod:`tests.integrations.plone.jobs` for the object, and answers its id."""

    def __call__(self) -> str:
        """Put it; ``protected``: as a view does that knows nothing of plone.protect."""
        form = self.request.form
        if not form.get("protected"):
            alsoProvides(self.request, IDisableCSRFProtection)
        call = getattr(jobs, form[CALL])
        options = {"run_as": form["run_as"]} if "run_as" in form else {}
        arguments = json.loads(form.get(ARGUMENTS, "[]"))
        return str(put(self.context, call, self.context, *arguments, **options).id)


class Append(BrowserView):
    """Edits: adds a text to the description of the object."""

    def __call__(self) -> str:
        """Add the text, and answer the description."""
        alsoProvides(self.request, IDisableCSRFProtection)
        jobs.append(self.context, self.request.form["text"])
        return str(self.context.description)


class Remove(BrowserView):
    """Deletes what is in a folder."""

    def __call__(self) -> str:
        """Delete it."""
        alsoProvides(self.request, IDisableCSRFProtection)
        jobs.delete(self.context, self.request.form["name"])
        return "deleted"


class Find(BrowserView):
    """Asks the catalog, as a visitor's search does."""

    def __call__(self) -> str:
        """Answer the titles, descriptions and addresses that are found."""
        query = {name: value for name, value in self.request.form.items() if value}
        self.request.response.setHeader("Content-Type", "application/json")
        return json.dumps([_shown(one) for one in self.context.portal_catalog(**query)])


def _shown(brain: Any) -> dict[str, Any]:
    return {
        "title": brain.Title,
        "description": brain.Description,
        "creator": brain.Creator,
        "url": brain.getURL(),
    }
