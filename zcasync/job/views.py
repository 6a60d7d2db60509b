"""Views of a partial that write through: its arguments, its annotations, its sets of UUIDs.

A partial keeps plain tuples and dicts in its own small record; annotations become a record of their
own when the first one is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from BTrees.OOBTree import OOBTree
from zope.interface import implementer

from zcasync.interfaces import IUUIDSet
from zcasync.job.context import in_place
from zcasync.job.record import PartialRecord
from zcasync.job.secret import keep_hidden, shown
from zcasync.unpublished import Unpublished


class Args(Unpublished, MutableSequence[Any]):
    """The positional arguments of a partial.  Writing raises BadStateError unless it is PENDING."""

    def __init__(self, partial: PartialRecord) -> None:
        self._partial = partial

    @property
    def _forms(self) -> tuple[Any, ...]:
        return self._partial.argument_forms[0]

    def _write(self, items: Iterable[Any]) -> None:
        self._partial.require_pending("args")
        before, self._partial._args = self._forms, tuple(items)
        keep_hidden(self._partial, before)

    def __getitem__(self, index: Any) -> Any:
        found = in_place(self._partial, self._partial._args[index])
        return list(found) if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        items = list(self._forms)
        items[index] = value
        self._write(items)

    def __delitem__(self, index: Any) -> None:
        items = list(self._forms)
        del items[index]
        self._write(items)

    def __len__(self) -> int:
        return len(self._forms)

    def insert(self, index: int, value: Any) -> None:
        items = list(self._forms)
        items.insert(index, value)
        self._write(items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        secret = self._partial._secret
        return f"[{', '.join(shown(secret, key, value) for key, value in enumerate(self._forms))}]"


class Kwargs(Unpublished, MutableMapping[str, Any]):
    """The keyword arguments of a partial.  Writing raises BadStateError unless it is PENDING."""

    def __init__(self, partial: PartialRecord) -> None:
        self._partial = partial

    @property
    def _forms(self) -> dict[str, Any]:
        return self._partial.argument_forms[1] or {}

    def _write(self, items: dict[str, Any]) -> None:
        self._partial.require_pending("kwargs")
        self._partial._kwargs = items or None
        keep_hidden(self._partial, self._partial.argument_forms[0])

    def __getitem__(self, key: str) -> Any:
        return in_place(self._partial, (self._partial._kwargs or {})[key])

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"keyword argument names are strings, not {type(key).__name__}")
        self._write({**self._forms, key: value})

    def __delitem__(self, key: str) -> None:
        items = dict(self._forms)
        del items[key]
        self._write(items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._forms)

    def __len__(self) -> int:
        return len(self._forms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    def __repr__(self) -> str:
        secret = self._partial._secret
        items = [f"{key!r}: {shown(secret, key, value)}" for key, value in self._forms.items()]
        return f"{{{', '.join(items)}}}"


class Annotations(Unpublished, MutableMapping[str, Any]):
    """Notes on a partial, in a BTree of their own from the first one on.

    Other processes may write them while the job runs: no record that the job writes is touched.
    """

    def __init__(self, partial: PartialRecord) -> None:
        self._partial = partial

    @property
    def _stored(self) -> Mapping[str, Any]:
        sidecar = self._partial.sidecar
        tree = None if sidecar is None else sidecar.annotations
        return {} if tree is None else tree

    def __getitem__(self, key: str) -> Any:
        return self._stored[key]

    def __setitem__(self, key: str, value: Any) -> None:
        sidecar = self._partial.ensure_sidecar()
        if sidecar.annotations is None:
            sidecar.annotations = OOBTree()
        sidecar.annotations[key] = value

    def __delitem__(self, key: str) -> None:
        del self._stored[key]  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __repr__(self) -> str:
        return repr(dict(self))


@implementer(IUUIDSet)
class UUIDSet(Unpublished):
    """The workers selected for, or excluded from, a partial.  Empty: no restriction."""

    def __init__(self, partial: PartialRecord, attribute: str) -> None:
        self._partial = partial
        self._attribute = attribute

    @property
    def _members(self) -> tuple[bytes, ...]:
        return getattr(self._partial, self._attribute)  # type: ignore[no-any-return]

    def _write(self, members: set[bytes]) -> None:
        ordered = tuple(sorted(members))
        if ordered != self._members:
            self._partial.require_pending(self._attribute.strip("_"))
            setattr(self._partial, self._attribute, ordered)
            if self._partial._queue is not None:
                self._partial._queue.announce(self._partial)

    def add(self, worker: uuid.UUID) -> None:
        """Add one worker's UUID.  Raises TypeError for what is no ``uuid.UUID``."""
        self.update([worker])

    def update(self, workers: Iterable[uuid.UUID]) -> None:
        """Add several.  Raises TypeError for what is no ``uuid.UUID``."""
        self._write({*self._members, *map(uuid_bytes, workers)})

    def remove(self, worker: uuid.UUID) -> None:
        """Remove one.  Raises KeyError when it is not there."""
        key = uuid_bytes(worker)
        if key not in self._members:
            raise KeyError(worker)
        self._write(set(self._members) - {key})

    def __contains__(self, worker: object) -> bool:
        return isinstance(worker, uuid.UUID) and worker.bytes in self._members

    def __iter__(self) -> Iterator[uuid.UUID]:
        return (uuid.UUID(bytes=member) for member in self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(str, self))}}}"


def uuid_bytes(worker: uuid.UUID) -> bytes:
    """Return the bytes of a worker's UUID.  Raises TypeError for anything else."""
    if not isinstance(worker, uuid.UUID):
        raise TypeError(f"a worker is named by its uuid.UUID, not by {worker!r}")
    return worker.bytes
