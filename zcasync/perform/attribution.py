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
import weakref
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from zcasync.job.attempt_record import MOST_COMMITS
from zcasync.job.ids import NAMELESS, hex_oid
from zcasync.job.record import PartialRecord
from zcasync.text import cut, printable
from zcasync.zeo.labels import Text, Told

#: A longer name of a callable, of a user or of a storage is cut.
NAME_CHARACTERS = 200
#: The description of a commit of several jobs names so many different callables.
MOST_NAMES = 5
#: The commits of so many jobs of this process are kept: of those that have not ended yet.
KEPT_JOBS = 1000


class JobLabel(NamedTuple):
    """The label of one attempt at a job.  ``office``: the queue and the worker."""

    office: str
    database: str
    oid: bytes
    attempt: int
    name: str
    context: Any

    @property
    def identity(self) -> str:
        """The job's id."""
        number = hex_oid(self.oid)
        return number if self.database in NAMELESS else f"{self.database}:{number}"

    def text(self) -> Text:
        """Return what is to be written."""
        identity = self.identity
        details = f"{self.office} {identity}:{self.attempt}"
        return Text(f"zcasync {identity} {_shown(self.name)}", details, _user_text(self.context))

    def own(self) -> JobLabel:
        """Return itself."""
        return self


class GroupLabel(NamedTuple):
    """The label of a commit with the changes of several jobs.

    ``others``: those whose calls are over, ``last``: the one that runs now, None: none does.
    """

    others: list[JobLabel]
    last: JobLabel | None = None

    def own(self) -> JobLabel | None:
        """Return the label of the one that runs now."""
        return self.last

    def text(self) -> Text:
        """Return what is to be written."""
        labels = [*self.others, *([] if self.last is None else [self.last])]
        if len(labels) == 1:
            return labels[0].text()
        names = list(dict.fromkeys(_shown(one.name) for one in labels))
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        details = " ".join([labels[0].office, *(f"{one.identity}:{one.attempt}" for one in labels)])
        users = {_user_text(one.context) for one in labels}
        return Text(
            f"zcasync {len(labels)} jobs: {', '.join(names[:MOST_NAMES])}{more}",
            details,
            users.pop() if len(users) == 1 else "",
        )


def label_of(partial: PartialRecord, attempt: int | None = None) -> JobLabel | None:
    """Return the label of a job's commits; None where no worker performs it.

    ``attempt``: the number of the one that runs now; None: that of the record.
    """
    jar = partial._p_jar
    office = _office(jar)
    if not office:
        return None
    number = partial.attempts if attempt is None else attempt
    name = jar.db().database_name
    return JobLabel(office, name, partial._p_oid, number, partial.callable_name, partial.context)


def attempt_of(details: Any, identity: str) -> int | None:
    """Return the attempt at the job with this id that a label's details name; None: none."""
    for word in details.split()[2:] if isinstance(details, str) else ():
        job, _, attempt = word.rpartition(":")
        if job == identity and attempt.isdecimal():
            return int(attempt)
    return None


def _user_text(context: Mapping[str, Any]) -> str:
    """Return the user of a context as Zope writes it, 'path id'; '': nobody in particular.

    That is whom the put lets it run as, else who has put it: texts, as ``user_folder`` is.
    """
    user = context.get("run_as") or context.get("user")
    if not isinstance(user, str):
        return ""
    return _shown(f"{context.get('user_folder') or '/'} {user}")


@functools.lru_cache
def _shown(name: str) -> str:
    return cut(printable(name), NAME_CHARACTERS)


def _office(jar: Any) -> str:
    """Return the queue and the worker that a connection acts for; '': it acts for none."""
    if jar is None:
        return ""
    own = getattr(jar, "office", "")
    if own or len(jar.connections) == 1:
        return str(own)
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


_on_the_way: OrderedDict[bytes, _OnTheWay] = OrderedDict()  # by the oids of the jobs


def noting(label: JobLabel | None, partial: PartialRecord) -> Told | None:
    """Return what notes the commits of an attempt on its way; None for one without a label."""
    if label is None:
        return None
    count, kept = partial.noted_commits
    before = _made_by(partial)
    if before is not None and before.last[-1] in kept:
        del _on_the_way[label.oid]  # its record has them all
    return functools.partial(_note, partial._p_jar.db(), label, count)


def _note(db: Any, label: JobLabel, count: int, storage: Any, tid: bytes) -> None:
    """Note a commit on the way; ``count``: of those that the record had when the attempt began."""
    made = _on_the_way.get(label.oid)
    if made is None or made.db() is not db:
        made = _on_the_way[label.oid] = _OnTheWay(db, count)
    commit = (label.attempt, tid, _name(storage, db.databases))
    if commit in made.last:  # a storage has passed it on to another one
        return
    made.count += 1
    made.last.append(commit)
    while len(_on_the_way) > KEPT_JOBS:
        _on_the_way.popitem(last=False)


def keep_commits(partial: PartialRecord) -> None:
    """Keep in the record what its calls have committed on their way, if anything."""
    made = _made_by(partial)
    if made is not None:
        partial.note_commits(made.count, made.last)


def _made_by(partial: PartialRecord) -> _OnTheWay | None:
    made = _on_the_way.get(partial._p_oid) if _on_the_way else None
    return made if made is not None and made.db() is partial._p_jar.db() else None


def _name(storage: Any, databases: Mapping[str, Any]) -> str:
    """Return the name of a storage's database; of one of the call's own, that of the storage."""
    for name, db in databases.items():
        if storage is db.storage:
            return str(name)
    name = getattr(storage, "getName", lambda: type(storage).__name__)()
    return _shown(str(name))
