"""Records: one record, or one tree, begun anew with what can be read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from BTrees.IOBTree import IOBTree
from BTrees.LLBTree import LLBTree
from BTrees.OOBTree import OOBTree
from ZODB.POSException import POSKeyError

from zcasync.errors import FOREIGN_CODE
from zcasync.job.ids import hex_oid
from zcasync.job.loadable import get, why_unloadable
from zcasync.zeo.connections import ghost
from zcasync.zeo.refill import is_there, references, refill, restore

TREES = (OOBTree, IOBTree, LLBTree)


@dataclass(frozen=True)
class Loss:
    """A record that could not be loaded, and what it was; nothing it held is there any more."""

    oid: bytes
    what: str
    problem: str

    def __str__(self) -> str:
        return (
            f"record {hex_oid(self.oid)}, {self.what}, is begun anew: {self.problem}; jobs that "
            "are lost with it wait again after: zcasync check --deep --repair"
        )


class Records:
    """The records that one transaction begins anew.

    ``bare``: the class of what is referred to without a class, by the class of who refers to it.
    """

    def __init__(self, connection: Any, bare: dict[type, type]) -> None:
        self.losses: list[Loss] = []
        self._connection = connection
        self._bare = bare
        self._kept: list[Any] = []  # so that the connection knows them until the end

    def keep(
        self, obj: Any, what: str, fresh: Callable[[], Any], replace: Callable[[Any], None]
    ) -> bool:
        """Let a record that cannot be loaded be as ``fresh()`` is; return whether it was good.

        ``replace(new)`` lets its owner have another one, where it is missing.
        """
        problem = self._problem(obj)
        if problem is None:
            return True
        self.losses.append(Loss(obj._p_oid, what, problem))
        if is_there(obj):
            refill(obj, fresh().__getstate__())
        else:
            replace(fresh())
        return False

    def part(self, owner: Any, name: str, what: str, fresh: Callable[[], Any]) -> bool:
        """Keep the record that is an attribute of another one."""
        return self.keep(getattr(owner, name), what, fresh, lambda new: setattr(owner, name, new))

    def tree(
        self, owner: Any, name: str, what: str, fits: Callable[[Any, Any], bool]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield the items of an owner's tree, made anew where a part of it is damaged.

        ``fits(key, value)``: whether these can be there.
        """
        tree = getattr(owner, name)
        items, problem = _read(tree, fits)
        if problem is not None:
            self.losses.append(Loss(tree._p_oid or owner._p_oid, what, problem))
            made = type(tree)()
            made.update(dict(items))
            setattr(owner, name, made)
        yield from items

    def lose(self, obj: Any, what: str) -> bool:
        """Note a record that its owner is to do without; return whether it cannot be loaded."""
        problem = self._problem(obj)
        is_noted = any(loss.oid == obj._p_oid for loss in self.losses)  # two refer to a last page
        if problem is not None and not is_noted:
            self.losses.append(Loss(obj._p_oid, what, problem))
        return problem is not None

    def restore(self, obj: Any, what: str) -> bool:
        """Let a record, which nobody writes again, be as it was before; return whether it can be.

        It is good already where it only refers to one that does not even say its class any more.
        """
        problem = self._problem(obj)
        if problem is not None and restore(obj):
            self.losses.append(Loss(obj._p_oid, what, problem))
            problem = None
        return problem is None

    def _problem(self, obj: Any) -> str | None:
        problem = why_unloadable(obj)
        kind = self._bare.get(type(obj))
        if problem is None or kind is None:
            return problem
        # What it refers to may not even say its class any more: that is to be begun anew, not this.
        for oid, is_bare in references(obj):
            found = self._found(oid, kind) if is_bare else []
            if found and not isinstance(found[0], kind):
                found = [self._of_its_class(oid, kind)]
            self._kept += found
        return why_unloadable(obj)

    def _of_its_class(self, oid: bytes, kind: type) -> Any:
        """Return an object of this class, to be written again, whose record says another one."""
        made = ghost(self._connection, oid, kind)
        if why_unloadable(made) is None:
            made._p_changed = True
            what = f"of class {kind.__qualname__}"
            self.losses.append(Loss(oid, what, "its record says that it is of another class"))
        return made

    def referred(self, obj: Any, kind: type) -> list[Any]:
        """Return what a damaged record still refers to, and what is of this class."""
        found = [one for oid, _ in references(obj) for one in self._found(oid, kind)]
        return [one for one in found if isinstance(one, kind) and why_unloadable(one) is None]

    def _found(self, oid: bytes, kind: type) -> list[Any]:
        try:
            return [get(self._connection, oid, kind)]
        except POSKeyError:
            return []


def _read(tree: Any, fits: Callable[[Any, Any], bool]) -> tuple[list[tuple[Any, Any]], str | None]:
    """Return the items of a tree that can be read, and what is wrong with it; None: nothing."""
    problems: list[str] = []
    found: dict[Any, Any] = {}
    for bucket in _buckets(tree, problems):
        for key, value in bucket.items():
            if fits(key, value):
                found[key] = value
            else:
                problems.append("it has something that it cannot have")
    items = sorted(found.items(), key=lambda item: item[0])
    if not problems and not _is_sound(tree, [key for key, _ in items]):
        problems.append("its keys are not in order")
    return items, next(iter(problems), None)


def _is_sound(tree: Any, keys: list[Any]) -> bool:
    try:
        return list(tree.keys()) == keys
    except FOREIGN_CODE:  # all that a chain of damaged buckets raises
        return False


def _buckets(tree: Any, problems: list[str]) -> Iterator[Any]:
    """Yield all that has items below a tree; a small tree has them itself."""
    problem = why_unloadable(tree)
    if problem is not None:
        problems.append(problem)
        return
    state = tree.__getstate__() if isinstance(tree, TREES) else None
    if state is None or len(state) == 1:
        yield tree
        return
    for child in state[0][::2]:
        yield from _buckets(child, problems)
