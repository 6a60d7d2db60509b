"""The audit of a simulated database: every partial in its one place, and nothing lost to a pack."""

from __future__ import annotations

from collections import Counter as Counts
from typing import TYPE_CHECKING, Any

from ZODB.serialize import referencesf
from ZODB.utils import get_pickle_metadata, z64

from tests.simulation.server import Data, Server
from zcasync.audit.inspection import inspect
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.job.completion import is_done

if TYPE_CHECKING:
    from tests.simulation.world import World

PARTIALS = (("zcasync.partial", "Partial"), ("zcasync.flows.flow", "Flow"))


class Audit:
    """Looks at all partials of a world, whoever has put them; ``looked_at`` counts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._records = Records(world.servers[-1])
        self.looked_at = 0

    @property
    def partials(self) -> set[bytes]:
        """The oids of all that there were at the last look."""
        return self._records.partials

    def is_there(self, oid: bytes) -> bool:
        """Whether a record exists: the commit that made it can have been undone."""
        revisions = self._records.server.revisions.get(oid)
        return bool(revisions) and revisions[-1][1] is not None

    def look(self, in_queue: Counts[bytes], claims: Counts[bytes]) -> None:
        """Judge what the queues and the claim lists were found to hold, by oid."""
        reachable = self._records.reachable()
        for oid in self._records.partials:
            partial = self._world.reader.partial(oid)
            if partial.queue is not None and partial.parent is None:
                self.looked_at += 1
                is_left = partial.state != COMPLETED
                assert not is_left or oid in reachable, f"a pack would remove {partial!r}"
                self._look_at(partial, in_queue[oid], claims[oid])

    def look_deeply(self) -> None:
        """Judge with the product's own audit, as ``zcasync check --deep`` does."""
        reader = self._world.reader
        reader.sync()
        with self._world.acting(reader):
            manager = reader.session.manager
            self._records.reachable()
            found = inspect(manager._p_jar, manager, jobs=sorted(self._records.partials)).findings
        assert not found, "\n".join(str(one.as_dict()) for one in found)

    def _look_at(self, partial: Any, in_queue: int, claims: int) -> None:
        found = f"{partial!r} is {in_queue} times in a queue and {claims} times claimed"
        if partial.state == PENDING:
            assert (in_queue, claims) == (int(not partial.is_held), 0), found
        elif partial.state == CALLBACKS:  # an application may be at them
            assert (in_queue, claims) in ((0, 0), (0, 1)), found
        elif partial.state == COMPLETED and self._world.tally["restored"]:
            # A client that was running a callback of its own has lost the commit of that.
            assert (in_queue, claims) in ((0, 0), (0, not is_done(partial))), found
        else:
            assert (in_queue, claims) == (0, not is_done(partial)), found


class Records:
    """The newest records of a server, and what they refer to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._seen: dict[bytes, Data] = {}
        self._references: dict[bytes, list[bytes]] = {}
        self.partials: set[bytes] = set()

    def reachable(self) -> set[bytes]:
        """What a pack keeps: all that can be reached from the root."""
        self._read()
        found, left = {z64}, [z64]
        while left:
            new = set(self._references.get(left.pop(), ())) - found
            found |= new
            left += new
        return found

    def _read(self) -> None:
        for oid in self._seen.keys() - self.server.revisions.keys():  # a backup was restored
            del self._seen[oid], self._references[oid]
            self.partials.discard(oid)
        for oid, revisions in self.server.revisions.items():
            data = revisions[-1][1]
            if oid in self._seen and self._seen[oid] is data:
                continue
            self._seen[oid] = data
            self._references[oid] = [] if data is None else referencesf(data)
            self.partials.discard(oid)
            if data is not None and get_pickle_metadata(data) in PARTIALS:
                self.partials.add(oid)
