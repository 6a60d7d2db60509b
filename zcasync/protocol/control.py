"""What operators say to a supervisor through ``var/control.sock``, and a blocking client for it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from twisted.protocols import amp

from zcasync.protocol.arguments import PIECE_BYTES


class Status(amp.Command):  # type: ignore[misc]
    """What the supervisor knows of itself: JSON text in pieces, ``piece`` counts from 0."""

    arguments = [(b"piece", amp.Integer())]
    response = [(b"text", amp.String()), (b"more", amp.Boolean())]


class Stop(amp.Command):  # type: ignore[misc]
    """Stop gracefully; answered before it begins."""

    arguments: ClassVar[Any] = []
    response = [(b"pid", amp.Integer())]


class Cancel(amp.Command):  # type: ignore[misc]
    """Stop a job that this supervisor holds; answered at once, the record tells when it is over."""

    arguments = [(b"oid", amp.String()), (b"who", amp.Unicode())]
    response = [(b"problem", amp.Unicode())]  # '' when it is being stopped


def pieces(value: Any) -> list[bytes]:
    """A JSON value as texts that fit an AMP value; at least one."""
    text = json.dumps(value).encode()
    return [text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES)]
