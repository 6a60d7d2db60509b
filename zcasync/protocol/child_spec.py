"""The specification with which a supervisor starts a child."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

#: Environment variables of a child and of all that its jobs start: the engine's UUID, and JSON with
#: the identity of the supervisor's process and its home.
ENGINE_VARIABLE = "ZCASYNC_ENGINE"
SUPERVISOR_VARIABLE = "ZCASYNC_SUPERVISOR"


@dataclass(frozen=True)
class ChildSpec:
    """The database that a child opens, and the incarnation that it works for.

    ``config``: path of a configuration file, None: the home's own.  ``parent``: pid of the
    supervisor.  ``storage_timeout`` and ``load_timeout``: seconds.
    ``isolate``: it performs one job only.
    """

    home: str
    config: str | None
    incarnation: str  # hex oid
    parent: int
    storage_timeout: float
    #: ZEO servers instead of what the home says, see :func:`zcasync.database.inherited.servers_of`.
    #: It is read by whoever lists processes: there must be no secret in it.
    servers: dict[str, Any] | None = None
    main: str | None = None  # the name of the main one of them
    load_timeout: float = 120.0
    isolate: bool = False

    def to_text(self) -> str:
        """Return the specification as text, for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> ChildSpec:
        """Return the specification for what ``to_text`` returned."""
        return cls(**json.loads(text))
