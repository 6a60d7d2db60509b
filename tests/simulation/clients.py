"""Simulated clients: application processes that put jobs and change their minds, and operators."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.simulation.databases import SHARED, Databases
from tests.simulation.jobs import Counter, Crash
from tests.simulation.kinds import CALLBACKS, HARMLESS, KINDS, Kind
from tests.support.sessions import Session
from zcasync import Partial, clock
from zcasync.cli import release
from zcasync.cli.errors import Refusal
from zcasync.control import cancelling
from zcasync.database.sync import manager_database
from zcasync.errors import AbortedError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.liveness.verdict import Sighting
from zcasync.workers.worker import Worker

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Microseconds of one.
SECOND = 1_000_000
#: Who cancels.
WHO = "jane"


@dataclass
class Call:
    """A job or a callback: its partial, and what it changes, by oid; ``outside``: by name."""

    name: str
    kind: Kind
    oid: bytes
    counters: list[bytes]
    outside: str = ""


@dataclass
class Job(Call):
    """A job that was put."""

    due: int = 0
    callbacks: list[Call] = field(default_factory=list)
    may_be_missed_at: int | None = None  # world time, microseconds; None: it has no begin_by
    counts_from_put: bool = False  # so an engine whose clock differs may change its times
    was_cancelled: bool = False
    is_harmless: bool = True  # a client could run all callbacks that are there, or about to be
    failing: int = 0  # so many clients are about to end it, and to run its callbacks

    @property
    def waits(self) -> bool:
        """Whether it, or a callback of it, waits for another partial."""
        return any(call.kind.waits for call in [self, *self.callbacks])


class Client:
    """A process with a connection that changes the databases, or ``only_looks``."""

    is_doomed = is_frozen = False

    def __init__(
        self,
        world: World,
        offset: int,
        machine: str = "application",
        only_looks: bool = False,
    ) -> None:
        self.world = world
        self.offset, self.machine, self._only_looks = offset, machine, only_looks
        self.connect()

    def connect(self) -> None:
        """Connect to the databases, knowing nothing of them."""
        self.databases = Databases(self.world.servers, self._only_looks)
        self.session = Session(self.databases.db)
        self.transactions = self.session.transactions
        name = manager_database(self.databases.db).database_name
        self._partials = self.session.connection.get_connection(name)

    def __str__(self) -> str:
        return f"client at {self.machine}"

    def sync(self) -> None:
        """See what others have done."""
        self.databases.hear()
        self.session.sync()

    def partial(self, oid: bytes) -> Any:
        """A partial as this client sees it."""
        return self._partials.get(oid)

    def counter(self, oid: bytes) -> Any:
        """A counter as this client sees it."""
        return self.session.connection.get(oid)

    # jobs

    def put(
        self,
        names: list[str],
        after: int = 0,
        by: int | None = None,
        workers: tuple[uuid.UUID, bool] | None = None,
        priority: int = 0,
    ) -> list[Job]:
        """Put jobs of these kinds, several with ``put_many``; returns those that are there.

        A unique one that has joined another is not.
        """
        self.world.microseconds += 1
        made = [self._make(name, KINDS[name]) for name in names]
        kind = made[0][1].kind
        queue = self.session.manager.queue(kind.queue)
        if len(made) > 1:
            partials = [partial for partial, _ in made]
            found = queue.put_many(partials, priority=priority, **kind.options)
        else:
            (partial, job), *_ = made
            if workers is not None:
                uuids = partial.selectedUUIDs if workers[1] else partial.excludedUUIDs
                uuids.add(workers[0])
            begin_by = None if by is None else timedelta(seconds=by)
            how = {"priority": priority, **kind.options}
            found = [queue.put(partial, begin_by=begin_by, **_when(after), **how)]
            if by is not None:
                is_absolute = not partial.has_times_to_settle
                begins = partial.due if is_absolute else self.world.microseconds + after * SECOND
                job.may_be_missed_at = begins + by * SECOND
        made = [pair for pair, one in zip(made, found, strict=True) if one is pair[0]]
        for partial, job in made:
            job.oid, job.due = partial._p_oid, partial.due
            job.counts_from_put = partial.has_times_to_settle
        new = made[0][1].oid if made else b""
        return [job for _, job in made] if self.commit(new) else []

    def commit(self, new: bytes) -> bool:
        """Commit; whether the commit is there.  In doubt the record of what is new tells."""
        try:
            self.session.commit()
        except ConflictError:
            self.session.abort()
            return False
        except ClientDisconnected:
            self.session.abort()
            return new in self.world.servers[-1].revisions
        return True

    def _make(self, name: str, kind: Kind) -> tuple[Partial, Job]:
        args, oids = self._counters(kind)
        outside = ""
        if kind.outside:
            outside = f"note {self.world.new_number()}"
            args = [outside]
        return Partial(kind.call, *args, *kind.args), Job(name, kind, b"", oids, outside)

    def _counters(self, kind: Kind) -> tuple[list[Any], list[bytes]]:
        made: list[Any] = [Counter() for _ in range(kind.counters)]
        for one in made:
            self.session.connection.add(one)
        oids = [one._p_oid for one in made]
        return made + ([self.session.root[SHARED]] if kind.shares else []), oids

    def add_callback(self, job: Job, name: str) -> None:
        """Add a callback, whatever state the job is in."""
        kind = CALLBACKS[name]
        is_harmless = name in HARMLESS
        if job.failing and not is_harmless:
            return
        job.is_harmless = job.is_harmless and is_harmless
        for _ in range(3):
            try:
                partial = self.partial(job.oid)
                if partial.state == COMPLETED and not is_harmless:
                    return
                args, oids = self._counters(kind)
                with self._noted():
                    if name == "either":
                        added = partial.addCallbacks(*(Partial(kind.call, one) for one in args))
                    else:
                        call = Partial(kind.call, *args, *kind.args)
                        added = partial.addCallback(call, **kind.options)
                oid = added._p_oid
                self.session.commit()
            except (ConflictError, ClientDisconnected):  # now it sees what the other one did
                self.session.sync()
            except Crash:
                self.session.abort()
                raise
            else:
                job.callbacks.append(Call(name, kind, oid, oids))
                return

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """Remember what is committed meanwhile: of a callback that this client runs itself."""
        before = len(self.world.servers[-1].log)
        try:
            yield
        finally:
            log = self.world.servers[-1].log
            self.world.by_applications.update(tid for tid, _ in log[before:])

    # changes of mind

    def fail(self, job: Job) -> None:
        """The application itself ends a job that waits, and runs its callbacks, or dies."""
        partial = self.partial(job.oid)
        if partial.state == PENDING and job.is_harmless:
            job.was_cancelled = True
            job.failing += 1
            with contextlib.suppress(ConflictError, ClientDisconnected, Crash):
                # Somebody was quicker, or it was too slow, or it dies.
                partial.fail(AbortedError(f"cancelled by {WHO}"))
            job.failing -= 1
            self.session.abort()

    def cancel(self, job: Job) -> bool:
        """As ``zcasync cancel`` in a home; False: its supervisor is to be asked."""
        try:
            is_ended = cancelling.end(
                self.partial(job.oid), self.session.manager, WHO, _Nobody(self.machine)
            )
            self.session.commit()
        except (ConflictError, ClientDisconnected, Refusal):
            self.session.abort()
            return True
        job.was_cancelled = True
        return is_ended

    def release(self, worker: uuid.UUID) -> uuid.UUID | None:
        """As ``zcasync release``: returns the engine that was buried, dead or not."""
        try:
            done = release._release(self.session.manager, str(worker), _Nobody(self.machine))
            self.session.commit()
        except (ConflictError, ClientDisconnected, Refusal):
            self.session.abort()
            return None
        return uuid.UUID(done["engine"])

    def set_size(self, worker: uuid.UUID, kind: str, size: int) -> None:
        """Change how many jobs a worker performs at once."""
        found = self.session.manager.workers.get(worker)
        if found is not None:
            getattr(found, kind).size = size
            with contextlib.suppress(ConflictError, ClientDisconnected):
                self.session.commit()
            self.session.abort()


def _when(seconds: int) -> dict[str, Any]:
    """The options of a put for now, for a time of the clock, or for one that counts from the put.

    A time by the clock of a client that is wrong is another one.
    """
    if not seconds:
        return {}
    if seconds % 7200:
        return {"delay": seconds}
    return {"begin_after": clock.to_datetime(clock.now() + seconds * 1_000_000)}


class _Nobody:
    """What an operator knows of the supervisor of a home that has none."""

    worker = None

    def __init__(self, machine: str) -> None:
        self.machine = machine

    def sighting_of(self, worker: Worker) -> Sighting:
        """Nothing beside the records."""
        return Sighting()


__all__ = ["WHO", "Call", "Client", "Job"]
