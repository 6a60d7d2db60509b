"""Workers: the persistent record of each instance, with its claims and its completed partials.

One writer a record: the engine writes its claim lists and its ping, any process the sizes, and the
worker's own record changes when an engine starts, ends or is buried.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, ClassVar

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync.errors import BadStateError
from zcasync.instance.queue_names import served, served_text
from zcasync.interfaces import IWorker, IWorkers
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_bool,
    is_count,
    is_seconds,
    is_text,
    is_uuid,
    needs,
    one_of,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished
from zcasync.workers.claims import SizedSequence
from zcasync.workers.completed import Completed
from zcasync.workers.former import adopt, give_up
from zcasync.workers.incarnation import Incarnation, Ping

#: The name of the one that keeps the completed jobs of workers that are gone.
FORMER = uuid.UUID(int=0)
#: Attributes of a worker that hold seconds.
DURATIONS = frozenset({"poll_seconds", "ping_interval", "ping_death_interval"})


def _is_duration(value: Any) -> bool:
    return is_seconds(value) and 0 < value < float("inf")


def _is_share(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 2:
        return False
    return is_text(value[0]) and (value[1] is None or is_count(value[1]))


@implementer(IWorker)
class Worker(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.IWorker`."""

    _field_types: ClassVar[dict[str, Check]] = {
        **dict.fromkeys(DURATIONS, _is_duration),
        "_uuid": is_uuid,
        "_engine": optional(is_uuid),
        "incarnation": optional(stored("zcasync.workers.incarnation.Incarnation")),
        **dict.fromkeys(("thread", "reactor"), stored("zcasync.workers.claims.SizedSequence")),
        "_serves": optional(tuple_of(_is_share)),
        "ephemeral": is_bool,
        "completed": stored("zcasync.workers.completed.Completed"),
        "ping": stored("zcasync.workers.incarnation.Ping"),
        "conflicts": optional(stored("zcasync.workers.conflicts.ConflictLog")),
        ALL: needs("_uuid", "thread", "reactor", "completed", "ping"),
    }

    ephemeral = False
    poll_seconds = 5
    ping_interval = 20
    ping_death_interval = 20
    incarnation: Incarnation | None = None
    conflicts: Any = None  # a ConflictLog, from the first conflict on
    _engine: bytes | None = None
    _serves: tuple[tuple[str, int | None], ...] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in DURATIONS:
            _require_seconds(name, value)
            value = value if type(value) in (int, float) else float(value)
        elif name == "ephemeral" and type(value) is not bool:
            raise TypeError(f"ephemeral must be True or False, not {type(value).__name__}")
        super().__setattr__(name, value)

    def __init__(self, UUID: uuid.UUID) -> None:
        if not isinstance(UUID, uuid.UUID):
            raise TypeError(f"UUID must be a uuid.UUID, not {type(UUID).__name__}")
        self._uuid = UUID.bytes
        self.thread = SizedSequence(1)
        self.reactor = SizedSequence(4)
        self.completed = Completed()
        self.ping = Ping()

    @property
    def UUID(self) -> uuid.UUID:
        return uuid.UUID(bytes=self._uuid)

    @property
    def uuid_bytes(self) -> bytes:
        """The bytes of the worker's UUID."""
        return self._uuid  # type: ignore[no-any-return]

    @property
    def sequences(self) -> tuple[SizedSequence, SizedSequence]:
        """What is claimed, of both kinds."""
        return self.thread, self.reactor

    @property
    def engine_bytes(self) -> bytes | None:
        """The bytes of ``engineUUID``; None: no engine."""
        return self._engine

    @property
    def engineUUID(self) -> uuid.UUID | None:
        return None if self._engine is None else uuid.UUID(bytes=self._engine)

    @engineUUID.setter
    def engineUUID(self, value: uuid.UUID | None) -> None:
        if value is not None and not isinstance(value, uuid.UUID):
            raise TypeError(f"engineUUID must be a uuid.UUID or None, not {value!r}")
        self._engine = None if value is None else value.bytes

    @property
    def queues(self) -> dict[str, int | None] | None:
        return None if self._serves is None else dict(self._serves)

    @queues.setter
    def queues(self, value: str | Mapping[str, int | None] | None) -> None:
        if not (value is None or isinstance(value, str | Mapping)):
            raise TypeError(
                "queues must be a text such as 'mail:2,thread', a mapping of names to numbers, or "
                f"None for all, not {type(value).__name__}"
            )
        if value is not None and not isinstance(value, str) and not value:
            raise ValueError("queues must name one at least; None means all of them")
        text = value if isinstance(value, str) else served_text(value)
        found = served(text)  # the same checks for whatever is given
        self._serves = None if found is None else tuple(found.items())

    @property
    def last_ping(self) -> datetime | None:
        return self.ping.moment  # type: ignore[no-any-return]

    @property
    def is_removable(self) -> bool:
        """True for one that is ephemeral, has no engine, and has nothing claimed."""
        return bool(self.ephemeral and self._engine is None and not any(map(len, self.sequences)))

    def let_go(self, partials: Collection[PartialRecord]) -> list[PartialRecord]:
        """Keep these finished partials no longer; return those that were not here.

        Its engine may not have retired all of them.
        """
        oids = {partial._p_oid for partial in partials}
        claimed: set[bytes] = set()
        for one in (*self.thread.lists(), *self.reactor.lists()):
            claimed |= oids.intersection(item._p_oid for item in one.items)
            one.keep(item for item in one.items if item._p_oid not in oids)
        rest = [one for one in partials if one._p_oid not in claimed]
        taken = self.completed.take(rest) if rest else set()
        return [one for one in rest if one._p_oid not in taken]

    def holds(self, sequence: SizedSequence) -> int:
        """Return how many jobs of a sequence are not over."""
        return sum(broken(one) is not None or not is_done(one) for one in sequence)

    def leave(self) -> None:
        """End with its engine; an engine that begins meanwhile conflicts.

        Raises BadStateError while it holds jobs.
        """
        held = sum(map(self.holds, self.sequences))
        if held:
            raise BadStateError(
                f"worker {self.UUID} still holds {held} jobs: stop its supervisor first, or give "
                f"them up with: zcasync release {self.UUID}"
            )
        self.engineUUID = None
        if self.incarnation is not None and not self.incarnation.is_over:
            self.incarnation.end("its worker was removed")

    def __repr__(self) -> str:
        return f"<zcasync.datamanager.Worker {self.UUID}>"


@implementer(IWorkers)
class Workers(Checked, Unpublished, Persistent, MutableMapping[uuid.UUID, Worker]):  # type: ignore[misc,override]
    """See :class:`zcasync.interfaces.IWorkers`."""

    _field_types: ClassVar[dict[str, Check]] = {
        "_workers": one_of(OOBTree),
        "former": optional(stored("zcasync.workers.worker.Worker")),
        ALL: needs("_workers"),
    }

    former: Worker | None = None

    def __init__(self, manager: Any = None) -> None:
        self.__parent__ = manager
        self._workers = OOBTree()

    def add(self, worker: Worker) -> None:
        if worker.UUID in self:
            raise ValueError(f"there is a worker {worker.UUID} already")
        self[worker.UUID] = worker

    def remove(self, worker: Worker) -> None:
        if self.get(worker.UUID) is not worker:
            raise KeyError(worker.UUID)
        del self[worker.UUID]

    def __getitem__(self, key: uuid.UUID) -> Worker:
        return self._workers[_key(key)]  # type: ignore[no-any-return]

    def __setitem__(self, key: uuid.UUID, worker: Worker) -> None:
        if not IWorker.providedBy(worker) or key != worker.UUID:
            raise ValueError(f"under {key} belongs a Worker with that UUID, not {worker!r}")
        self._workers[_key(key)] = worker

    @property
    def keepers(self) -> list[Worker]:
        """All that keep completed jobs: the workers, and what keeps those of workers gone."""
        return [*self.values(), *([] if self.former is None else [self.former])]

    def replace(self, key: uuid.UUID, worker: Worker) -> None:
        """Let another worker be in the place of one whose record is missing."""
        self._workers[_key(key)] = worker

    def __delitem__(self, key: uuid.UUID) -> None:
        worker: Worker = self._workers[_key(key)]
        worker.leave()
        del self._workers[_key(key)]
        given = give_up(worker.completed)
        if given:
            if self.former is None:
                self.former = Worker(FORMER)
            adopt(self.former.completed, given)

    def __iter__(self) -> Iterator[uuid.UUID]:
        return (uuid.UUID(bytes=key) for key in self._workers)

    def __len__(self) -> int:
        return len(self._workers)

    def __bool__(self) -> bool:
        return True

    def keys(self) -> list[uuid.UUID]:  # type: ignore[override]
        return list(self)

    def values(self) -> list[Worker]:  # type: ignore[override]
        return list(self._workers.values())

    def items(self) -> list[tuple[uuid.UUID, Worker]]:  # type: ignore[override]
        return [(worker.UUID, worker) for worker in self._workers.values()]


def _require_seconds(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be above 0 seconds: {value}")


def _key(key: uuid.UUID) -> bytes:
    if not isinstance(key, uuid.UUID):
        raise KeyError(key)
    return key.bytes
