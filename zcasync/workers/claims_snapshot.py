"""The claims of an engine after its last pass, in a small file that needs no database to be read.

The file is a convenience for operators, never a source of truth: it is written after the commit of
a pass, without fsync, and names its engine.  The kernel keeps it when the process is killed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from twisted.logger import Logger

from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.job.ids import hex_oid, id_of
from zcasync.workers.claims import SizedSequence
from zcasync.workers.worker import Worker

log = Logger()

OID_BYTES = 8


@dataclass(frozen=True)
class Claims:
    """The claims in one sequence of a worker; ``oids``: hex, one after the other."""

    size: int
    oids: str

    @classmethod
    def of(cls, sequence: SizedSequence, finished: Collection[bytes]) -> Claims:
        """Return the claims in the current transaction, without these oids, which are finished."""
        found = (partial._p_oid for one in sequence.lists() for partial in one.items)
        return cls(sequence.size, b"".join(oid for oid in found if oid not in finished).hex())

    def ids(self, database: str) -> list[str]:
        """Return the ids as operators write them; ``database`` leads when it has a name."""
        oids = bytes.fromhex(self.oids)
        starts = range(0, len(oids), OID_BYTES)
        ids = [hex_oid(oids[start : start + OID_BYTES]) for start in starts]
        return [f"{database}:{one}" if database else one for one in ids]


@dataclass(frozen=True)
class ClaimsSnapshot:
    """The claims of an engine, and the name of their database."""

    engine: str
    database: str  # '' for the main one
    thread: Claims
    reactor: Claims

    @classmethod
    def of(cls, worker: Worker, finished: Collection[bytes] = ()) -> ClaimsSnapshot:
        """Return the snapshot of a stored worker, without these oids, which are finished."""
        return cls(
            str(worker.engineUUID),
            id_of(worker).rpartition(":")[0],
            Claims.of(worker.thread, finished),
            Claims.of(worker.reactor, finished),
        )

    @property
    def jobs(self) -> list[str]:
        """The ids of all claims."""
        return [*self.thread.ids(self.database), *self.reactor.ids(self.database)]


class LastPass:
    """The snapshot file of a home; used in the database thread only."""

    def __init__(self, home: Home) -> None:
        self._path = home.last_pass
        self._fd: int | None = None
        self._written: ClaimsSnapshot | None = None
        self._has_logged = False

    def write(self, held: ClaimsSnapshot) -> None:
        """Write a snapshot that has changed.  A full disk must not keep an engine from working."""
        if held == self._written:
            return
        body = json.dumps(asdict(held)).encode()
        # In place, so that nothing has to be renamed: a torn write shows in the checksum.
        text = b"%d %d\n%s" % (len(body), zlib.crc32(body), body)
        try:
            if self._fd is None:
                self._fd = own_files.open_own(self._path)
            os.pwrite(self._fd, text, 0)
        except OSError as error:
            if not self._has_logged:
                log.warn("{path} cannot be written: {why}", path=str(self._path), why=str(error))
                self._has_logged = True
        else:
            self._written = held

    def close(self) -> None:
        """Close the file.  Safe to repeat."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def read(home: Home) -> ClaimsSnapshot | None:
    """Return the claims of a home's last engine after its last pass; None: nothing readable."""
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
