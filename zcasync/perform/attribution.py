"""Attribution: the job that a commit is made for, in words, and the commits of a job by their ids.

The description of such a transaction ends with ``zcasync 0x1a2b app.jobs.reindex``, and its
extended info has, by the name ``zcasync``, the queue, the worker's UUID, and the job's id with the
number of the attempt: ``thread 8f14e45f-... 0x1a2b:1``.  A commit of several jobs has all their
ids.

A commit that writes the job's record is found in the history of that.  Those before, which the call
makes on its way, are noted in the record when it is written next.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

from zcasync.job.attempt_record import MOST_COMMITS
from zcasync.job.ids import NAMELESS, hex_oid
from zcasync.job.record import PartialRecord
from zcasync.text import cut, printable

#: A longer name of a callable, of a user or of a storage is cut.
NAME_CHARACTERS = 200
#: The description of a commit of several jobs names so many different callables.
MOST_NAMES = 5
#: The commits of so many jobs of this process are kept: of those that have not ended yet.
KEPT_JOBS = 1000


class JobLabel:
    """The label of one attempt at a job; made in the job's thread, used in any."""

    __slots__ = ("_attempt", "_count", "_jar", "_office", "identity", "name", "oid", "user")

    def __init__(self, office: str, partial: PartialRecord, attempt: int) -> None:
        self._office = office
        self._attempt = attempt
        self._jar = partial._p_jar
        self._count = partial.noted_commits[0]
        self.oid: bytes = partial._p_oid
        number, database = f"{hex_oid(self.oid)}:{attempt}", self._jar.db().database_name
        self.identity = number if database in NAMELESS else f"{database}:{number}"
        self.name = _shown(partial.callable_name)
        context = partial.context
        self.user = _user_of(context) if context else ""

    def texts(self) -> tuple[str, str, str]:
        """Return what is to be added: to the description, to the extended info, and a user."""
        identity, name = self.identity, self.name
        job = identity[: identity.rindex(":")]
        return f"zcasync {job} {name}", f"{self._office} {identity}", self.user

    def own(self) -> JobLabel:
        """Return itself."""
        return self

    def note(self, storage: Any, tid: bytes) -> None:
        """Note a transaction that was committed at a storage on the way."""
        db = self._jar.db()
        commit = (self._attempt, tid, _name(storage, db.databases))
        with _lock:
            made = _on_the_way.get(self.oid)
            if made is None or made.db() is not db:
                made = _on_the_way[self.oid] = _OnTheWay(db, self._count)
            made.add(commit)
            while len(_on_the_way) > KEPT_JOBS:
                _on_the_way.popitem(last=False)

    def texts_with(self, others: list[JobLabel]) -> tuple[str, str, str]:
        """Return what is to be added where the changes of others are committed, too."""
        labels = [*others, self]
        names = list(dict.fromkeys(one.name for one in labels))
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        description = f"zcasync {len(labels)} jobs: {', '.join(names[:MOST_NAMES])}{more}"
        details = " ".join([self._office, *(one.identity for one in labels)])
        users = {one.user for one in labels}
        return description, details, users.pop() if len(users) == 1 else ""


class GroupLabel:
    """The label of a commit with the changes of several jobs: ``others``, and this one."""

    __slots__ = ("_label", "_others")

    def __init__(self, label: JobLabel, others: list[JobLabel]) -> None:
        self._label, self._others = label, others

    def texts(self) -> tuple[str, str, str]:
        """Return what is to be added: to the description, to the extended info, and a user."""
        return self._label.texts_with(self._others) if self._others else self._label.texts()

    def own(self) -> JobLabel:
        """Return the label of what this job commits in transactions of its own."""
        return self._label

    def note(self, storage: Any, tid: bytes) -> None:
        """Note a transaction that this job has committed at a storage on its way."""
        self._label.note(storage, tid)


def label_of(partial: PartialRecord, attempt: int | None = None) -> JobLabel | None:
    """Return the label of a job's commits; None where no worker performs it.

    ``attempt``: the number of the one that runs now; None: that of the record.
    """
    office = _office(partial._p_jar)
    if not office:
        return None
    return JobLabel(office, partial, partial.attempts if attempt is None else attempt)


def label_of_group(labels: list[JobLabel]) -> GroupLabel | None:
    """Return the label of the commit of several jobs; None where no worker performs them."""
    return GroupLabel(labels[-1], labels[:-1]) if labels else None


def attempt_of(details: Any, identity: str) -> int | None:
    """Return the attempt at the job with this id that a label's details name; None: none."""
    for word in details.split()[2:] if isinstance(details, str) else ():
        job, _, attempt = word.rpartition(":")
        if job == identity and attempt.isdecimal():
            return int(attempt)
    return None


def _user_of(context: Mapping[str, Any]) -> str:
    """Return the user of a context as Zope writes it, 'path id'; '': nobody in particular.

    That is whom the put lets it run as, else who has put it: a text, as ``user_folder`` is, or the
    number that users have in other applications.
    """
    user = context.get("run_as") or context.get("user")
    if user == "" or not isinstance(user, str | int):
        return ""
    return _shown(f"{context.get('user_folder') or '/'} {user}")


@functools.lru_cache
def _shown(name: str) -> str:
    return cut(printable(name), NAME_CHARACTERS)


def _office(jar: Any) -> str:
    """Return the queue and the worker that a connection acts for; '': it acts for none."""
    if jar is None:
        return ""
    own: str = getattr(jar, "office", "")
    if own or len(jar.connections) == 1:
        return own
    return next((one.office for one in jar.connections.values() if getattr(one, "office", "")), "")


# commits on the way


#: A commit of a job on its way: the attempt, the transaction's id, the database's name.
Commit = tuple[int, bytes, str]


class _OnTheWay:
    """The commits of a job on its way; ``count``: with those that its record has already."""

    def __init__(self, db: Any, count: int) -> None:
        self.db = weakref.ref(db)
        self.count = count
        self.last: deque[Commit] = deque(maxlen=MOST_COMMITS)

    def add(self, commit: Commit) -> None:
        if commit not in self.last:  # else a storage has passed it on to another one
            self.count += 1
            self.last.append(commit)


_on_the_way: OrderedDict[bytes, _OnTheWay] = OrderedDict()  # by the oids of the jobs
_lock = threading.Lock()  # a job may commit in several threads


def keep_commits(partial: PartialRecord) -> None:
    """Keep in the record what its calls have committed on their way, if anything."""
    made = _on_the_way.get(partial._p_oid) if _on_the_way else None
    if made is not None and made.db() is partial._p_jar.db():
        with _lock:
            count, last = made.count, list(made.last)
        partial.note_commits(count, last)


def forget_kept(partial: PartialRecord) -> None:
    """Forget those commits of earlier attempts that the record has."""
    made = _on_the_way.get(partial._p_oid) if _on_the_way else None
    if made is not None and made.last[-1] in partial.noted_commits[1]:
        del _on_the_way[partial._p_oid]


def _name(storage: Any, databases: Mapping[str, Any]) -> str:
    """Return the name of a storage's database; of one of the call's own, that of the storage."""
    for name, db in databases.items():
        if storage is db.storage:
            return str(name)
    name = getattr(storage, "getName", lambda: type(storage).__name__)()
    return _shown(str(name))
