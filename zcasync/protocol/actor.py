"""The names of who acts on a supervisor's jobs: its user by the kernel's word, and what it claims.

``root@host``, or ``root@host (said to be jane)`` where a command says more than the kernel knows,
as behind ``sudo``.  They stand in the Failures of cancelled jobs and in the log.
"""

from __future__ import annotations

import os
import socket

from zcasync.text import cut, printable
from zcasync.users import user_name

#: Longer claims are cut.
CLAIM_CHARACTERS = 200


def claimed_name() -> str:
    """Return the name that this process's user goes by: behind ``sudo`` that of who called it."""
    return os.environ.get("SUDO_USER") or user_name(os.geteuid())


def actor_name(uid: int, claim: str = "") -> str:
    """Return the name of who acts as this user, printable; ``claim``: who that says it is.

    That may be with a host, as ``jane@host``.
    """
    user, host = user_name(uid), socket.gethostname()
    name = f"{user}@{host}"
    if claim in ("", user, name):
        return name
    return f"{name} (said to be {cut(printable(claim), CLAIM_CHARACTERS)})"
