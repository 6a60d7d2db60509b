"""The last pass in a small file: what the engine held, for a look without the database.

The file is a convenience for operators, never a source of truth: it is written after the commit of
a pass, without fsync, and says which engine it speaks of.  The kernel keeps it when the process is
killed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from twisted.logger import Logger

from zcasync.instance.home import Home
from zcasync.job.ids import hex_oid, id_of
from zcasync.workers.claims import SizedSequence
from zcasync.workers.worker import Worker

log = Logger()

OID_BYTES = 8


@dataclass(frozen=True)
class Claims:
    """What one sequence of a worker holds; ``oids``: hex, one after the other."""

    size: int
    oids: str

    @classmethod
    def of(cls, sequence: SizedSequence, over: Collection[bytes]) -> Claims:
        """As the current transaction sees them, without those that are over."""
        found = (partial._p_oid for one in sequence.lists() for partial in one.items)
        return cls(sequence.size, b"".join(oid for oid in found if oid not in over).hex())

    def ids(self, database: str) -> list[str]:
        """As operators write them; ``database`` leads when it has a name."""
        oids = bytes.fromhex(self.oids)
        starts = range(0, len(oids), OID_BYTES)
        ids = [hex_oid(oids[start : start + OID_BYTES]) for start in starts]
        return [f"{database}:{one}" if database else one for one in ids]


@dataclass(frozen=True)
class ClaimsSnapshot:
    """What an engine holds."""

    engine: str
    database: str  # '' for the main one
    thread: Claims
    reactor: Claims

    @classmethod
    def of(cls, worker: Worker, over: Collection[bytes] = ()) -> ClaimsSnapshot:
        """What the current transaction says of a stored worker; ``over``: oids that are done."""
        return cls(
            str(worker.engineUUID),
            id_of(worker).rpartition(":")[0],
            Claims.of(worker.thread, over),
            Claims.of(worker.reactor, over),
        )

    @property
    def jobs(self) -> list[str]:
        """The ids of all that is held."""
        return [*self.thread.ids(self.database), *self.reactor.ids(self.database)]


class LastPass:
    """Keeps the file of a home.  Everything happens in the database thread."""

    def __init__(self, home: Home) -> None:
        self._path = home.last_pass
        self._fd: int | None = None
        self._written: ClaimsSnapshot | None = None
        self._has_complained = False

    def write(self, held: ClaimsSnapshot) -> None:
        """Write it down when it has changed.  A full disk must not keep an engine from working."""
        if held == self._written:
            return
        body = json.dumps(asdict(held)).encode()
        # In place, so that nothing has to be renamed: a torn write shows in the checksum.
        text = b"%d %d\n%s" % (len(body), zlib.crc32(body), body)
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._fd, text, 0)
        except OSError as error:
            if not self._has_complained:
                log.warn("{path} cannot be written: {why}", path=str(self._path), why=str(error))
                self._has_complained = True
        else:
            self._written = held

    def close(self) -> None:
        """Let go of the file.  Safe to repeat."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def read(home: Home) -> ClaimsSnapshot | None:
    """What the last engine of a home held after its last pass; None: nothing readable."""
    try:
        head, _, rest = home.last_pass.read_bytes().partition(b"\n")
        length, checksum = map(int, head.split())
        body = rest[:length]
        if len(body) != length or zlib.crc32(body) != checksum:
            return None
        found: dict[str, Any] = json.loads(body)
        claims = [
            Claims(found[kind]["size"], found[kind]["oids"]) for kind in ("thread", "reactor")
        ]
        return ClaimsSnapshot(found["engine"], found["database"], *claims)
    except (OSError, ValueError, KeyError, TypeError):
        return None
