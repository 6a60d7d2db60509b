"""AMP argument types: oids, completions, JSON values."""

from __future__ import annotations

import json
from typing import Any

from twisted.protocols import amp

from zcasync.protocol.outcomes import Completion

#: An AMP value ends at 65,535 bytes; longer texts are sent in pieces of this many.
PIECE_BYTES = 60_000


class Oids(amp.Argument):  # type: ignore[misc]
    """A list of oids, 8 bytes each."""

    def toString(self, inObject: list[bytes]) -> bytes:
        return b"".join(inObject)

    def fromString(self, inString: bytes) -> list[bytes]:
        return [inString[start : start + 8] for start in range(0, len(inString), 8)]


class Completions(amp.Argument):  # type: ignore[misc]
    """A list of completions, 8 bytes each: the outcome, and the moment in the 7 bytes behind it."""

    def toString(self, inObject: list[Completion]) -> bytes:
        return b"".join(bytes([one.outcome]) + one.moment.to_bytes(7) for one in inObject)

    def fromString(self, inString: bytes) -> list[Completion]:
        places = range(0, len(inString), 8)
        return [
            Completion(int.from_bytes(inString[place + 1 : place + 8]), inString[place])
            for place in places
        ]


class Json(amp.Argument):  # type: ignore[misc]
    """A JSON value of fewer than 65,535 bytes."""

    def toString(self, inObject: Any) -> bytes:
        return json.dumps(inObject, separators=(",", ":")).encode()

    def fromString(self, inString: bytes) -> Any:
        return json.loads(inString)
