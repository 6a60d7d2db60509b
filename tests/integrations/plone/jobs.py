"""Jobs of the tests, beside those of ``docs/plone.rst``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from AccessControl.SecurityManagement import getSecurityManager
from gallery.jobs import describe as describe
from gallery.upgrades import to_1001
from plone.dexterity.utils import createContentInContainer
from zope.component.hooks import getSite
from zope.event import notify
from zope.globalrequest import getRequest
from zope.lifecycleevent import ObjectModifiedEvent

from tests.support.gates import Gate


def around(context: Any) -> dict[str, Any]:
    """Return what is around the job."""
    return {
        "site": "/".join(getSite().getPhysicalPath()),
        "user": getSecurityManager().getUser().getId(),
        "roles": sorted(getSecurityManager().getUser().getRolesInContext(context)),
        "language": getRequest().get("LANGUAGE"),
        "url": context.absolute_url(),
        "portal_url": context.portal_url(),
        "pid": os.getpid(),
    }


def add(folder: Any, title: str) -> str:
    """Create a document; return its id."""
    return str(createContentInContainer(folder, "Document", title=title).getId())


def delete(folder: Any, name: str) -> None:
    """Delete what is in a folder."""
    folder.manage_delObjects([name])


def wait(folder: Any, gate: str) -> None:
    """Wait until a gate is open."""
    Gate(Path(gate)).pass_through()


def append(content: Any, text: str) -> None:
    """Add a text to the description."""
    content.description = f"{content.description} {text}".strip()
    notify(ObjectModifiedEvent(content))


def append_behind(content: Any, text: str, gate: str) -> None:
    """Read the description, wait until a gate is open, and change it."""
    before = content.description
    Gate(Path(gate)).pass_through()
    content.description = f"{before} {text}".strip()
    notify(ObjectModifiedEvent(content))


def set_title(content: Any, title: str) -> None:
    """Change a title and index it, as code without events does."""
    content.title = title
    content.reindexObject(idxs=["Title", "sortable_title"])


def add_behind(folder: Any, title: str, gate: str) -> dict[str, Any]:
    """Create a document, wait until a gate is open; return who has done it."""
    made = createContentInContainer(folder, "Document", title=title)
    Gate(Path(gate)).pass_through()
    return {"pid": os.getpid(), "url": made.absolute_url()}


def fail(content: Any) -> None:
    """Change something, and fail."""
    content.title = "never"
    raise ValueError(f"{content.getId()} has no picture")


def upgrade(site: Any) -> str:
    """Make the upgrade step of the guide; return the id of the job that it puts."""
    return str(to_1001(site.portal_setup).id)
