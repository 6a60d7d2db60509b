"""The incarnation: the record of one run of an engine, and the token that fences it.

It is written when the engine starts and when it ends or is buried, never in between.  Every commit
of the engine and of its children checks that it has not changed (see
:mod:`zcasync.workers.fence`), so an engine that was buried cannot commit anything any more.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Any, ClassVar

from persistent import Persistent

from zcasync import clock
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_moment,
    is_seconds,
    is_text,
    is_uuid,
    needs,
    optional,
    stored,
)
from zcasync.unpublished import Unpublished


def _are_versions(value: Any) -> bool:
    return type(value) is dict and all(is_text(one) for pair in value.items() for one in pair)


class Incarnation(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """One run of an engine for a worker; ``claims``: those of its children, None: unknown.

    ``home``: the path of the supervisor's home on its machine; None: no supervisor, or unknown.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        "_engine": is_uuid,
        "_worker": is_uuid,
        **dict.fromkeys(("end_reason", "home"), optional(is_text)),
        "ended": optional(is_moment),
        "started": is_moment,
        "identity": stored("zcasync.instance.process_identity.ProcessIdentity"),
        "claims": optional(stored("zcasync.workers.claims.SizedSequence")),
        "versions": optional(_are_versions),
        ALL: needs("_engine", "_worker", "identity", "started"),
    }

    ended: int | None = None
    end_reason: str | None = None  # None while it lives
    claims: Any = None  # the worker's SizedSequence ``thread``
    home: str | None = None
    versions: dict[str, str] | None = None  # name -> version of what it runs on; None: unknown

    def __init__(
        self,
        engine: uuid.UUID,
        worker: uuid.UUID,
        identity: ProcessIdentity,
        versions: dict[str, str] | None = None,
    ) -> None:
        self._engine = engine.bytes
        self._worker = worker.bytes
        self.identity = identity
        self.started = clock.now()
        if versions is not None:
            self.versions = versions

    def __getnewargs__(self) -> tuple[()]:
        """Return nothing: every claimed partial refers to one, and so does without its class."""
        return ()

    @property
    def engineUUID(self) -> uuid.UUID:
        """The UUID of this run."""
        return uuid.UUID(bytes=self._engine)

    @property
    def worker(self) -> uuid.UUID:
        """The worker's UUID."""
        return uuid.UUID(bytes=self._worker)

    @property
    def is_over(self) -> bool:
        """True once it has ended or was buried."""
        return self.end_reason is not None

    def end(self, reason: str) -> None:
        """Record the end and its reason; from this commit on the engine cannot commit."""
        self.ended = clock.now()
        self.end_reason = reason


class Ping(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The engine's sign of life: its record's serial is the signal, its content for people.

    ``promise``: the engine writes again within this many seconds, or it is dead.  ``monotonic``:
    the clock of the engine's machine, to be read by processes of the same boot only.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        "at": optional(is_moment),
        "promise": is_seconds,
        "monotonic": optional(is_seconds),
    }

    at: int | None = None
    promise = 0.0
    monotonic: float | None = None

    def write(self, promise: float) -> None:
        """Write the sign of life, with the promise to write again within ``promise`` seconds."""
        self.at = clock.now()
        self.monotonic = time.monotonic()
        self.promise = promise

    @property
    def moment(self) -> datetime | None:
        """The time of the sign of life by the engine's clock; for people."""
        return None if self.at is None else clock.to_datetime(self.at)
