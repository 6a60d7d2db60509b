"""The names that databases hold for ever: where each stored class, exception and callable lives.

A database of one of each is made, and the names are read from the pickles of all its records.  A
name that goes from the list makes databases unreadable; one that comes to it is for ever.
"""

from __future__ import annotations

import io
import pickletools
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from persistent import Persistent
from persistent.mapping import PersistentMapping
from ZODB import DB

import zcasync
from tests.jobs import samples
from tests.support import scenes
from tests.support.sessions import Session
from zcasync import Partial, errors, patterns
from zcasync.database.missing_classes import StandIn
from zcasync.database.receipts import sign
from zcasync.errors import ZCAsyncError
from zcasync.job.conflict_counts import ObjectConflicts
from zcasync.job.failure import from_exception
from zcasync.job.values import INLINE_LIMIT_BYTES
from zcasync.testing import drain
from zcasync.workers.completed import PAGE_SIZE
from zcasync.workers.conflicts import note_conflicts

CLASSES = {
    "zcasync.database.receipts.Receipt",
    "zcasync.datamanager.DataManager",
    "zcasync.flows.chunks.KeyPage",
    "zcasync.flows.chunks.Keys",
    "zcasync.flows.flow.Flow",
    "zcasync.instance.process_identity.ProcessIdentity",
    "zcasync.job.callback_pages.CallbackPage",
    "zcasync.job.failure.StoredFailure",
    "zcasync.job.gate.Block",
    "zcasync.job.gate.Gate",
    "zcasync.job.member_pages.MemberPage",
    "zcasync.job.packed.Packed",
    "zcasync.job.history.AttemptHistory",
    "zcasync.job.record.Sidecar",
    "zcasync.job.values.Boxed",
    "zcasync.job.values.LargeValue",
    "zcasync.partial.Partial",
    "zcasync.queues.lane.Inbox",
    "zcasync.queues.lane.Lane",
    "zcasync.queues.lane.Page",
    "zcasync.queues.page_index.PageIndex",
    "zcasync.queues.page_index.Stretch",
    "zcasync.queues.partial_queue.PartialQueue",
    "zcasync.queues.quota.Quota",
    "zcasync.queues.quota.QuotaUse",
    "zcasync.schedules.agenda.Agenda",
    "zcasync.schedules.schedule.Schedule",
    "zcasync.workers.claims.ClaimList",
    "zcasync.workers.claims.Size",
    "zcasync.workers.claims.SizedSequence",
    "zcasync.workers.completed.Bucket",
    "zcasync.workers.completed.Completed",
    "zcasync.workers.completed.Page",
    "zcasync.workers.completed.Taken",
    "zcasync.workers.conflicts.ConflictDay",
    "zcasync.workers.conflicts.ConflictLog",
    "zcasync.workers.incarnation.Incarnation",
    "zcasync.workers.incarnation.Ping",
    "zcasync.workers.undo_guard.UndoGuard",
    "zcasync.workers.worker.Worker",
    "zcasync.workers.worker.Workers",
}
EXCEPTIONS = {
    "zcasync.errors.AbortedError",
    "zcasync.errors.UnknownDatabase",
    "zcasync.errors.NewerRecords",
    "zcasync.errors.UnknownOption",
    "zcasync.errors.UnloadableArguments",
    "zcasync.errors.AlreadyPut",
    "zcasync.errors.BadCallable",
    "zcasync.errors.BadStateError",
    "zcasync.errors.ConfigurationError",
    "zcasync.errors.DamagedRecord",
    "zcasync.errors.DeadlineMissed",
    "zcasync.errors.FencedError",
    "zcasync.errors.ForeignError",
    "zcasync.errors.FullError",
    "zcasync.errors.GoneError",
    "zcasync.errors.UnknownQueue",
    "zcasync.errors.HistoryChanged",
    "zcasync.errors.InDoubt",
    "zcasync.errors.HardTimeLimit",
    "zcasync.errors.JobCancelled",
    "zcasync.errors.JobCrashed",
    "zcasync.errors.JobInterrupted",
    "zcasync.errors.MisplacedError",
    "zcasync.errors.MissingCallable",
    "zcasync.errors.MissingClass",
    "zcasync.errors.MissingCode",
    "zcasync.errors.MissingPolicy",
    "zcasync.errors.NotAllowed",
    "zcasync.errors.NotRunning",
    "zcasync.errors.RemoteTraceback",
    "zcasync.errors.Retry",
    "zcasync.errors.Snooze",
    "zcasync.errors.StartedBeforeError",
    "zcasync.errors.StepInDoubt",
    "zcasync.errors.StoppedAtCheckpoint",
    "zcasync.errors.SoftTimeLimit",
    "zcasync.errors.StorageAway",
    "zcasync.errors.TimeLimit",
    "zcasync.errors.UnstorableError",
    "zcasync.errors.ZCAsyncError",
}
#: Stored as text, for the process that makes the call; the last one by a stand-in's pickle.
CALLABLES = {
    "zcasync.flows.chunks:drive",
    "zcasync.flows.chunks:finish_chunks",
    "zcasync.flows.chunks:perform_chunk",
    "zcasync.flows.flow:finish",
    "zcasync.job.callbacks:adopt",
    "zcasync.job.callbacks:choose",
    "zcasync.patterns:run_where",
    "zcasync.database.missing_classes.rebuild",
}
NAME = re.compile(r"zcasync(\.\w+)+[.:]\w+")
#: Operations that name something otherwise than GLOBAL does; the ZODB's protocol has none of them.
OTHER_NAMES = {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
MODULE = "vanishing_for_names"


def names_in(data: bytes) -> Iterator[str]:
    """The names in the two pickles of a record: its class, its state."""
    pickles = io.BytesIO(data)
    for _ in range(2):
        for operation, argument, _ in pickletools.genops(pickles):
            assert operation.name not in OTHER_NAMES, operation.name
            if operation.name == "GLOBAL":
                yield argument.replace(" ", ".")
            elif isinstance(argument, str):
                yield argument
    assert pickles.read() == b""


def stored_names(db: DB) -> set[str]:
    """The names of ours that all revisions of all records hold."""
    found = set()
    for transaction in db.storage.iterator():
        for record in transaction:
            found.update(name for name in names_in(record.data) if NAME.fullmatch(name))
    return found


def error_classes() -> list[type[Exception]]:
    """Every exception of ours."""
    found = [one for one in vars(errors).values() if isinstance(one, type)]
    return [one for one in found if issubclass(one, ZCAsyncError)]


def made(kind: type[Exception]) -> Exception:
    """One exception of a class."""
    return errors.Snooze(1) if kind is errors.Snooze else kind("failed")


def put_what_a_client_puts(session: Session) -> None:
    """A call with callbacks and annotations, one that looks for its worker, and one that waits."""
    partial = session.queue.put(Partial(samples.echo, 1, key=2), retry="forever")
    partial.annotations["note"] = "annotated"
    for _ in range(65):  # more than its own record holds
        partial.addCallbacks(samples.note, samples.handle)
    for _ in range(300):  # so many pages that the index of them has a stretch
        session.queue.put(samples.nothing)
    session.queue.put(patterns.where(samples.make_seven, samples.make_six))
    session.manager.quotas.set("solr", limit=1)
    session.queue.put(samples.nothing, quota="solr")
    session.queue.put(zcasync.parallel(*[samples.nothing] * 20))
    session.queue.put(zcasync.map(samples.echo, ["a", "b"]))
    outer = Partial.bind(samples.put_and_return, samples.make_seven)
    session.queue.put(outer)
    session.manager.reactor.put(Partial(samples.echo, "x" * 2 * INLINE_LIMIT_BYTES))
    session.manager.schedules.add("nightly", samples.echo, 1, cron="0 3 * * *")
    session.manager.schedules.run_now("nightly")
    for kind in error_classes():
        session.keep(Partial(samples.nothing), kind.__name__).fail(made(kind))
    session.commit()


def call_from_the_reactor(session: Session) -> None:
    """A call that has written a receipt with its change."""
    session.root["signed"] = 1
    sign(session.connection)
    session.commit()


def serve(session: Session) -> None:
    """An engine that has claimed one job and completed others, of which one is let go again."""
    worker = scenes.serve(session)
    over = [Partial(samples.nothing) for _ in range(PAGE_SIZE + 1)]
    for one in over:
        one.finish(None)
    worker.completed.extend(over)
    session.commit()
    worker.completed.take(over[:1])
    claimed, over = scenes.put(session, 2)
    scenes.claim(session, worker, [claimed, over])
    claimed.remember(from_exception(ValueError("the first attempt")), 1)
    scenes.end(over, "done")
    worker.thread.remove(over)
    worker.completed.add(over)
    note_conflicts(worker, [ObjectConflicts("app.Counter", "0x1", 1, {"app.count": 1})])
    session.commit()


def spoil_class(db: DB, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a record again while the module of what it holds cannot be imported."""
    monkeypatch.syspath_prepend(folder)
    file = folder / f"{MODULE}.py"
    file.write_text("class Vanishing: pass\n")
    session = Session(db)
    session.keep(PersistentMapping(note=import_module(MODULE).Vanishing()), "vanishing")
    session.close()

    file.write_text("a release with an error in it\n")
    monkeypatch.delitem(sys.modules, MODULE)
    db.cacheMinimize()
    session = Session(db)
    assert isinstance(session.root["vanishing"]["note"], StandIn)
    session.root["vanishing"]["again"] = True
    session.commit()
    session.close()


def test_the_names_in_a_database_are_those_that_were_decided(
    file_db: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(file_db)
    put_what_a_client_puts(session)
    drain(session.manager)
    serve(session)
    call_from_the_reactor(session)
    session.close()
    spoil_class(file_db, tmp_path, monkeypatch)

    assert stored_names(file_db) == CLASSES | EXCEPTIONS | CALLABLES


def test_every_persistent_class_has_a_name_that_was_decided() -> None:
    """A class that comes later has to be put into the database above."""

    def kinds(of: type) -> Iterator[type]:
        for kind in of.__subclasses__():
            yield kind
            yield from kinds(kind)

    own = {kind for kind in kinds(Persistent) if kind.__module__.startswith("zcasync.")}
    # Other tests make classes of modules that there are no more.
    own = {kind for kind in own if vars(sys.modules[kind.__module__]).get(kind.__name__) is kind}
    bases = {base for kind in own for base in kind.__mro__[1:]}
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in own - bases}
    names.discard("zcasync.database.no_imports.Elsewhere")  # it is stored by others' names

    assert {name for name in names if not name.startswith("zcasync.demo.")} <= CLASSES


@pytest.mark.parametrize("name", sorted(CLASSES | EXCEPTIONS | CALLABLES))
def test_a_decided_name_leads_to_what_has_that_name(name: str) -> None:
    module, _, attribute = name.replace(":", ".").rpartition(".")
    found: Any = getattr(import_module(module), attribute)

    assert (found.__module__, found.__qualname__) == (module, attribute)
