"""Users and groups of this machine, as people and commands name them."""

from __future__ import annotations

import grp
import pwd


def user(uid: int) -> str:
    """Return a user for people: ``alice (uid 1000)``, ``uid 1001``."""
    name = name_of(uid)
    return f"uid {uid}" if name is None else f"{name} (uid {uid})"


def group(gid: int) -> str:
    """Return a group for people: ``group staff``, ``group 50``."""
    try:
        return f"group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"group {gid}"


def user_name(uid: int) -> str:
    """Return the name of a user: ``alice``; ``uid 1001`` where there is none."""
    return name_of(uid) or f"uid {uid}"


def name_of(uid: int) -> str | None:
    """Return the name of a user; None: there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
