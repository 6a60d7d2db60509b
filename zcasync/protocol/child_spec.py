"""The specification with which a supervisor starts a child."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
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
    ``isolate``: it performs one job only.  ``application``: the setting of that name.
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
    application: str | None = None
    soft_limit: float | None = None  # of calls that have none of their own, seconds
    hard_limit: float | None = None

    @classmethod
    def of(
        cls,
        home: Path,
        settings: Any,
        incarnation: bytes,
        config: Path | None = None,
        servers: dict[str, Any] | None = None,
        main: str | None = None,
    ) -> ChildSpec:
        """Return the specification for a child of this process; ``settings``: the supervisor's."""
        return cls(
            home=os.fspath(home),
            config=None if config is None else os.fspath(config),
            incarnation=incarnation.hex(),
            parent=os.getpid(),
            storage_timeout=settings.storage_timeout,
            servers=servers,
            main=main,
            load_timeout=settings.load_timeout,
            isolate=settings.isolates_jobs,
            application=settings.application,
            soft_limit=settings.soft_limit,
            hard_limit=settings.hard_limit,
        )

    def to_text(self) -> str:
        """Return the specification as text, for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> ChildSpec:
        """Return the specification for what ``to_text`` returned."""
        return cls(**json.loads(text))
