"""The user of a call: the one who has made its put, or the one that it names; found again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from AccessControl.users import nobody, system
from Acquisition import aq_base, aq_inner, aq_parent

from zcasync.errors import GoneError
from zcasync.zope.paths import object_at

#: The name of a user folder in whatever has one.
USERS = "acl_users"
#: What stands for a user who is in no folder and may do everything.
SYSTEM = "system"


def user_for(app: Any, site: Any, partial: Any) -> Any:
    """Return the user for whom a call is made, in the user folder.

    ``run_as`` is the id, or the name, of a user of the site or of a folder above it.  Raises
    GoneError where the user is not there.
    """
    context = partial.context
    run_as = context.get("run_as")
    if run_as is not None:
        folders = list(_folders(site))
        found = _first(folders, run_as, ("getUserById", "getUser"))
        if found is None:
            raise GoneError(f"run_as: no user {run_as!r} for job {partial.id} in {_text(folders)}")
        return found
    if context.get("is_system"):
        return system.__of__(app.acl_users) if hasattr(system, "__of__") else system
    if "user" not in context:
        return nobody.__of__(app.acl_users) if hasattr(nobody, "__of__") else nobody
    path = context.get("user_folder")
    try:
        folders = [object_at(app, path)] if path is not None else list(_folders(site))
    except LookupError as error:
        raise GoneError(
            f"the user {context['user']!r} of job {partial.id} is gone with the user folder "
            f"{path}: {error}"
        ) from error
    found = _first(folders, context["user"], ("getUserById",))  # the name may be another's by now
    if found is None:
        raise GoneError(
            f"the user {context['user']!r} of job {partial.id} is not in {_text(folders)} any more"
        )
    return found


def _folders(site: Any) -> Iterator[Any]:
    """Yield the user folders of a site and of what it is in."""
    while site is not None:
        if getattr(aq_base(site), USERS, None) is not None:
            yield getattr(site, USERS)
        site = aq_parent(aq_inner(site))


def _first(folders: list[Any], name: str, ways: tuple[str, ...]) -> Any:
    """Return the first user whom one of these methods of folders finds; None: there is none."""
    for way in ways:
        for folder in folders:
            user = getattr(folder, way)(name)
            if user is not None:
                return user if aq_parent(user) is not None else user.__of__(folder)
    return None


def _text(folders: list[Any]) -> str:
    return ", ".join("/".join(one.getPhysicalPath()) for one in folders)
