"""The AMP commands between operators and a supervisor, over ``var/control.sock``."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from twisted.protocols import amp

from zcasync.protocol.arguments import PIECE_BYTES


class Status(amp.Command):  # type: ignore[misc]
    """The supervisor's status: JSON text in pieces, ``piece`` counts from 0."""

    arguments = [(b"piece", amp.Integer())]
    response = [(b"text", amp.String()), (b"more", amp.Boolean())]


class Stop(amp.Command):  # type: ignore[misc]
    """A graceful stop; answered with the supervisor's pid before it begins."""

    arguments: ClassVar[Any] = []
    response = [(b"pid", amp.Integer())]


class Cancel(amp.Command):  # type: ignore[misc]
    """The cancel of a job that this supervisor holds; answered at once, the record shows its end.

    ``oid``: 8 bytes; ``who``: a name for the job's Failure.
    """

    arguments = [(b"oid", amp.String()), (b"who", amp.Unicode())]
    response = [(b"problem", amp.Unicode())]  # '' when it is being stopped


def pieces(value: Any) -> list[bytes]:
    """Return a JSON value as texts that each fit an AMP value; at least one."""
    text = json.dumps(value).encode()
    return [text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES)]
