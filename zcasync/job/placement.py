"""Placement: whether all parts of a call may and can be stored with its partial, at the put."""

from __future__ import annotations

from typing import Any

from zcasync.allowed import rules_of
from zcasync.errors import MisplacedError
from zcasync.interfaces import ASYNC_DATABASE
from zcasync.job.arguments import parts
from zcasync.job.callables import is_imported, is_persistent, require_allowed
from zcasync.job.gate import Block, counted_by
from zcasync.job.packed import Packed
from zcasync.job.record import PartialRecord
from zcasync.job.values import Boxed, has_references, is_short, references, require_loadable

#: The name of a part, in a message, has no more of its way through callbacks and arguments.
NAME_CHARACTERS = 200


def require_plain(partial: PartialRecord) -> None:
    """Raise ValueError, naming the part, when a detached call refers to a stored object."""
    for name, value in parts(partial):
        if has_references(value):
            raise ValueError(
                f"{name} of a detached call refers to a stored object, but the call is made "
                "without a connection: pass plain values"
            )


#: Partials that were found to be good, with the pickles of their parts that were made for that.
Checked = list[tuple[PartialRecord, dict[str, Packed]]]


def keep(checked: Checked) -> None:
    """Keep the calls of these partials as they are now, whatever happens to their arguments."""
    for partial, pickles in checked:
        partial.keep_call(pickles)


def require_placed(partial: PartialRecord, jar: Any) -> Checked:
    """Raise MisplacedError, naming it, for an object that cannot be stored from connection ``jar``.

    Raise NotAllowed for a callable that may not be, the partial's own and those of the new partials
    that come with it, as callbacks and arguments.

    ZODB would refuse it too, but only when the caller commits and without naming the call; and a
    new object that nothing else refers to would silently go to the database of the queue.
    """
    if partial._p_jar is None and is_bare(partial):
        require_allowed(jar, partial._call)
        return []  # there is nothing that could be in the wrong place
    check = _PlacementCheck(jar)
    check.check(partial, "item")
    return check.checked


class _PlacementCheck:
    """One check of a partial, its callbacks and the partials inside them."""

    def __init__(self, jar: Any) -> None:
        self.checked: Checked = []
        self._home = jar
        self._family = {id(one) for one in jar.connections.values()}
        name = jar.db().database_name
        self._has_rules = rules_of(jar) is not None
        self._is_separate = name == ASYNC_DATABASE and len(jar.db().databases) > 1
        self._seen: set[int] = set()
        self._unchecked: list[tuple[PartialRecord, str]] = []

    def check(self, partial: PartialRecord, name: str) -> None:
        """Raise MisplacedError for the partial, ``name``, or for any part of it."""
        self._unchecked.append((partial, name))
        while self._unchecked:
            found, name = self._unchecked.pop()
            if id(found) not in self._seen:
                self._seen.add(id(found))
                self._check_one(found, name)

    def _check_one(self, partial: PartialRecord, name: str) -> None:
        if self._has_rules:
            self._require_allowed(partial)
        self._require_reachable(name, partial)
        if partial._p_jar is not None and partial._p_jar is not self._home:
            raise MisplacedError(
                f"{name}, {partial!r}, is in database {partial._p_jar.db().database_name!r} "
                f"already, the queue in {self._home.db().database_name!r}: put a partial first, "
                "then keep a reference to it"
            )
        within = "" if name == "item" else f"{_short(name)}."
        pickles: dict[str, Packed] = {}
        counts = counted_by(partial) is not None
        for part, value in parts(partial):
            if counts and isinstance(value, PartialRecord):
                continue  # members of a flow: each is checked by itself, and not with all behind it
            packed = self._check_part(f"{within}{part}", value, partial.callable_name)
            if packed is not None:
                pickles[part] = packed
        self.checked.append((partial, pickles))
        for number, callback in enumerate(partial.callbacks):
            self._unchecked.append((callback, f"{within}callbacks[{number}]"))

    def _require_allowed(self, partial: PartialRecord) -> None:
        require_allowed(self._home, partial._call)
        if is_imported(partial.policy_name):
            require_allowed(self._home, partial.policy_name)

    def _check_part(self, name: str, value: Any, call: str) -> Packed | None:
        if is_short(value):
            return None
        is_kept = isinstance(value, Packed | Boxed)
        packed = None if is_kept else require_loadable(value, name, call)
        if isinstance(value, PartialRecord) and value._p_jar is None:
            self._unchecked.append((value, name))
        elif is_persistent(value):
            self._require_reachable(name, value)
        elif self._is_separate:
            for found in references(packed or value, name):
                if is_persistent(found):
                    self._check_part(name, found, call)
        return packed

    def _require_reachable(self, name: str, value: Any) -> None:
        jar = value._p_jar
        kind = type(value).__name__
        if jar is None and self._is_separate and not isinstance(value, PartialRecord | Block):
            raise MisplacedError(
                f"{name}, a {kind}, is in no database yet, and the queue has one of its own: "
                "objects that a call is made with must be committed, or added to a connection with "
                "connection.add(obj), before the call is put"
            )
        if jar is not None and id(jar) not in self._family:
            raise MisplacedError(
                f"{name}, a {kind}, belongs to another connection than the queue: get both through "
                "the same connection, and do not wait for the commit of another one"
            )


def _short(name: str) -> str:
    """Return the name of a part; of one far down in a chain, its end."""
    return name if len(name) <= NAME_CHARACTERS else f"...{name[-NAME_CHARACTERS:]}"


def is_bare(partial: PartialRecord) -> bool:
    """Return whether the partial is nothing but a new call of what is stored by name."""
    return vars(partial).keys() == {"_call"} and isinstance(partial._call, str)


def bare_copy(partial: PartialRecord) -> PartialRecord:
    """Return another bare partial of the same call, which needs no check any more."""
    made = type(partial).__new__(type(partial))
    made._call = partial._call
    return made
