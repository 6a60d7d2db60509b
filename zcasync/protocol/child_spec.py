"""What a child is told at its start."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

#: In the environment of a child and of all that its jobs start: the engine's UUID, and JSON with
#: the identity of the supervisor's process and its home.
ENGINE_VARIABLE = "ZCASYNC_ENGINE"
SUPERVISOR_VARIABLE = "ZCASYNC_SUPERVISOR"


@dataclass(frozen=True)
class ChildSpec:
    """Where the database is, and which incarnation the child works for."""

    home: str
    config: str | None
    incarnation: str  # hex oid
    parent: int
    storage_timeout: float
    #: ZEO servers instead of what the home says: database name -> [addresses, storage name].
    servers: dict[str, Any] | None = None

    def to_text(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> ChildSpec:
        """The inverse."""
        return cls(**json.loads(text))
