"""The data manager: the object in the ZODB root that holds queues, workers and schedules.

Its parts are in the rooms ``queues``, ``workers`` and ``schedules``; here are the public names of
the first two.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, ClassVar

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync.errors import ConfigurationError, UnknownQueue
from zcasync.formats import FIRST_FORMAT, is_known, name_of, refuse_newer
from zcasync.instance.queue_names import require_name
from zcasync.interfaces import ROOT_KEY, IDataManager
from zcasync.job.field_types import ALL, Check, Checked, is_text, one_of, optional, stored
from zcasync.job.ids import look_up
from zcasync.job.loadable import why_unloadable
from zcasync.partial import Partial
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.quotas import Quotas
from zcasync.relstorage.ring import ring_commits
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.schedules import Schedules
from zcasync.unpublished import Unpublished
from zcasync.workers.claims import SizedSequence
from zcasync.workers.completed import Completed
from zcasync.workers.worker import Worker, Workers

__all__ = [
    "Completed",
    "DataManager",
    "PartialQueue",
    "SizedSequence",
    "Worker",
    "Workers",
    "find",
    "install",
]

PARTS = {
    **dict.fromkeys(("thread", "reactor"), stored("zcasync.queues.partial_queue.PartialQueue")),
    "workers": stored("zcasync.workers.worker.Workers"),
}


def _is_sound(state: dict[str, Any]) -> bool:
    """Return whether a data manager has what it needs; what others have written is not judged."""
    return not is_known(state.get("record_format")) or all(
        name in state and check(state[name]) for name, check in PARTS.items()
    )


@implementer(IDataManager)
class DataManager(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.IDataManager`."""

    _field_types: ClassVar[dict[str, Check]] = {
        "own_queues": optional(one_of(OOBTree)),
        "quota_table": optional(one_of(OOBTree)),
        "_agenda": optional(stored("zcasync.schedules.agenda.Agenda")),
        "record_format_by": optional(is_text),
        ALL: _is_sound,
    }

    #: Development versions before 0.1 wrote none.
    record_format = 0
    #: The version that has raised it; None: it is the first one.
    record_format_by: str | None = None
    own_queues: Any = None  # OOBTree: name -> PartialQueue, made with the first
    #: OOBTree: name -> Quota, those that are removed too; None: there never was one.
    quota_table: Any = None
    #: Made with the first schedule.
    _agenda: Agenda | None = None

    def __init__(self) -> None:
        self.record_format = FIRST_FORMAT
        self.thread = PartialQueue(self, "thread")
        self.reactor = PartialQueue(self, "reactor")
        self.workers = Workers(self)

    @property
    def queues(self) -> dict[str, PartialQueue]:
        own = self.own_queues
        is_readable = own is not None and why_unloadable(own) is None
        found = {"thread": self.thread, "reactor": self.reactor}
        return {**found, **own} if is_readable else found

    @property
    def schedules(self) -> Schedules:
        """The schedules: see :class:`zcasync.interfaces.ISchedules`."""
        return Schedules(self)

    @property
    def agenda(self) -> Agenda | None:
        """The record of all schedules; None: there was none yet."""
        return self._agenda

    def require_agenda(self) -> Agenda:
        """Return the record of all schedules, made now where there is none."""
        if self._agenda is None:
            self._agenda = Agenda()
        return self._agenda

    def queue(self, name: str) -> PartialQueue:
        """Return a queue by its name.  Raises UnknownQueue, with the nearest name."""
        if name in ("thread", "reactor"):
            return getattr(self, name)  # type: ignore[no-any-return]
        found = self.queues
        if name not in found:
            nearest = get_close_matches(name, found, 1)
            meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(found)}"
            raise UnknownQueue(f"there is no queue {name!r}: {meant}")
        return found[name]

    def add_queue(self, name: str) -> PartialQueue:
        require_name(name)
        if name in self.queues:
            return self.queue(name)
        if self.own_queues is None:
            self.own_queues = OOBTree()
        queue = self.own_queues[name] = PartialQueue(self, name)
        return queue

    def replace_queue(self, name: str, queue: PartialQueue) -> None:
        """Let another queue be in the place of one whose record is missing."""
        if name in ("thread", "reactor"):
            setattr(self, name, queue)
        else:
            self.own_queues[name] = queue

    @property
    def quotas(self) -> Quotas:
        return Quotas(self)

    def find(self, id: str) -> Partial:  # noqa: A002, the word of the command line
        """Return the partial with this id.  Raises ValueError, LookupError with the reason."""
        if self._p_jar is None:
            raise LookupError(f"there is no job {id}: this data manager is in no database")
        return look_up(self._p_jar, id)  # type: ignore[return-value]


def find(connection: Any) -> DataManager | None:
    """Return the data manager that a connection's database has or refers to; None: not installed.

    Raises ConfigurationError when it is of a version whose records this one cannot read.
    """
    manager = connection.root().get(ROOT_KEY)
    if manager is not None:
        _require_known(manager)
        if manager._p_jar is not None:
            ring_commits(manager._p_jar.db())
    return manager  # type: ignore[no-any-return]


def find_near(connection: Any) -> DataManager | None:
    """Return the data manager for the objects of a connection's database; None: there is none.

    That of the database itself, or the only one that its companions have or refer to: an
    application that mounts databases installs it in one of them.  Raises as ``find`` does.
    """
    found = find(connection)
    if found is not None:
        return found
    names = [one for one in connection.db().databases if one != connection.db().database_name]
    others = [find(connection.get_connection(name)) for name in names]
    different = {id(one): one for one in others if one is not None}
    return different.popitem()[1] if len(different) == 1 else None


def _require_known(manager: Any) -> None:
    refuse_newer(manager)
    if getattr(manager, "record_format", 0) >= FIRST_FORMAT:
        return
    where = name_of(manager._p_jar.db())
    raise ConfigurationError(
        f"the data manager of {where} was written by a development version of zcasync before 0.1, "
        "whose records this version cannot read: finish its jobs with the version that wrote it, "
        f"then delete root[{ROOT_KEY!r}] there and commit; or start with a new home"
    )


def install(connection: Any, database_name: str | None = None) -> DataManager:
    """Return the data manager of this connection's database; install one when there is none.

    With a ``database_name`` a new one is kept in that database, and this root refers to it.  The
    caller commits.  Raises ConfigurationError as ``find`` does.
    """
    root = connection.root()
    manager = find(connection)
    if manager is None:
        if database_name is None or database_name == connection.db().database_name:
            manager = DataManager()
            connection.add(manager)
        else:
            manager = install(connection.get_connection(database_name))
        root[ROOT_KEY] = manager
    return manager  # type: ignore[no-any-return]
