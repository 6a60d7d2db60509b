"""AMP argument types: oids, moments, JSON values."""

from __future__ import annotations

import json
from typing import Any

from twisted.protocols import amp

#: An AMP value ends at 65,535 bytes; longer texts are sent in pieces of this many.
PIECE_BYTES = 60_000


class Oids(amp.Argument):  # type: ignore[misc]
    """A list of oids, 8 bytes each."""

    def toString(self, inObject: list[bytes]) -> bytes:
        return b"".join(inObject)

    def fromString(self, inString: bytes) -> list[bytes]:
        return [inString[start : start + 8] for start in range(0, len(inString), 8)]


class Moments(amp.Argument):  # type: ignore[misc]
    """A list of moments, microseconds since 1970."""

    def toString(self, inObject: list[int]) -> bytes:
        return b"".join(moment.to_bytes(8) for moment in inObject)

    def fromString(self, inString: bytes) -> list[int]:
        return [int.from_bytes(inString[start : start + 8]) for start in range(0, len(inString), 8)]


class Json(amp.Argument):  # type: ignore[misc]
    """A JSON value of fewer than 65,535 bytes."""

    def toString(self, inObject: Any) -> bytes:
        return json.dumps(inObject, separators=(",", ":")).encode()

    def fromString(self, inString: bytes) -> Any:
        return json.loads(inString)
