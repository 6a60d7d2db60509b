"""Names of queues: how they are written, and the list of those that a worker serves."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A name: so that it can stand in a command, a file name and a list of several.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")


def require_name(name: str) -> None:
    """Raise ValueError unless a queue may have this name."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise ValueError(
            f"a queue cannot have the name {name!r}: names are of small letters, digits, - and _, "
            "begin with a letter, and have 50 characters at most"
        )


def served(text: str) -> dict[str, int | None] | None:
    """Return the queues that a text such as ``mail:2,thread`` names, each with its limit.

    None as a limit: as many of its jobs as there are children; None for ``*``: all queues.  Raises
    ValueError with what is wrong.
    """
    if text.strip() in ("", "*"):
        return None
    found: dict[str, int | None] = {}
    for part in text.split(","):
        name, colon, limit = part.strip().partition(":")
        require_name(name)
        if name in found:
            raise ValueError(f"queues: {name} is named twice")
        if colon and not (limit.isdecimal() and int(limit) > 0):
            raise ValueError(
                f"queues: {part.strip()!r} is no queue with the number of its jobs, such as mail:2"
            )
        found[name] = int(limit) if colon else None
    return found


def served_text(queues: Mapping[str, int | None] | None) -> str:
    """Return the text of the queues that a worker serves."""
    if queues is None:
        return "*"
    return ",".join(name if limit is None else f"{name}:{limit}" for name, limit in queues.items())
