"""What a call consists of, looked at when it is put: can all of it be stored with the partial?"""

from __future__ import annotations

from typing import Any

from zcasync.errors import MisplacedError
from zcasync.interfaces import ASYNC_DATABASE
from zcasync.job.arguments import parts
from zcasync.job.callables import is_persistent
from zcasync.job.record import PartialRecord
from zcasync.job.values import SIMPLE, has_references, references


def require_plain(partial: PartialRecord) -> None:
    """Raise ValueError, naming it, for a stored object among what a detached call is made with."""
    for name, value in parts(partial):
        if has_references(value):
            raise ValueError(
                f"{name} of a detached call refers to a stored object, but the call is made "
                "without a connection: pass plain values"
            )


def require_placed(partial: PartialRecord, jar: Any) -> None:
    """Raise MisplacedError, naming it, for an object that cannot be stored from connection ``jar``.

    The storage would refuse it too, but only when the caller commits and without a word of which
    call is meant; and a new object that nothing else refers to would quietly go to the database of
    the queue.
    """
    if partial._p_jar is None and is_bare(partial):
        return  # there is nothing that could be in the wrong place
    _Placing(jar).look(partial, "item")


class _Placing:
    """One look at a partial, its callbacks and the partials inside them."""

    def __init__(self, jar: Any) -> None:
        self._home = jar
        self._family = {id(one) for one in jar.connections.values()}
        name = jar.db().database_name
        self._apart = name == ASYNC_DATABASE and len(jar.db().databases) > 1
        self._seen: set[int] = set()

    def look(self, partial: PartialRecord, name: str) -> None:
        if id(partial) in self._seen:
            return
        self._seen.add(id(partial))
        self._place(name, partial)
        if partial._p_jar is not None and partial._p_jar is not self._home:
            raise MisplacedError(
                f"{name}, {partial!r}, is in database {partial._p_jar.db().database_name!r} "
                f"already, the queue in {self._home.db().database_name!r}: put a partial first, "
                "then keep a reference to it"
            )
        within = "" if name == "item" else f"{name}."
        for part, value in parts(partial):
            self._look_at(f"{within}{part}", value)
        for number, callback in enumerate(partial.callbacks):
            self.look(callback, f"{within}callbacks[{number}]")

    def _look_at(self, name: str, value: Any) -> None:
        if type(value) in SIMPLE:
            return
        if isinstance(value, PartialRecord) and value._p_jar is None:
            self.look(value, name)
        elif is_persistent(value):
            self._place(name, value)
        elif self._apart:
            for found in references(value, name):
                if is_persistent(found):
                    self._look_at(name, found)

    def _place(self, name: str, value: Any) -> None:
        jar = value._p_jar
        kind = type(value).__name__
        if jar is None and self._apart and not isinstance(value, PartialRecord):
            raise MisplacedError(
                f"{name}, a {kind}, is in no database yet, and the queue has one of its own: "
                "objects that a call is made with must be committed, or added to a connection with "
                "connection.add(obj), before the call is put"
            )
        if jar is not None and id(jar) not in self._family:
            raise MisplacedError(
                f"{name}, a {kind}, belongs to another connection than the queue: get both through "
                "the same connection, and wait for nobody else's transaction"
            )


def is_bare(partial: PartialRecord) -> bool:
    """Whether it is nothing but a new call of something that is stored by name."""
    return vars(partial).keys() == {"_call"} and isinstance(partial._call, str)


def twin(partial: PartialRecord) -> PartialRecord:
    """Another bare partial of the same call, which needs no check any more."""
    made = type(partial).__new__(type(partial))
    made._call = partial._call
    return made
