"""Damage: what a bad disk, or a bad tool, makes of a record, written into a storage."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

from ZODB.Connection import TransactionMetaData
from ZODB.utils import load_current
from zodbpickle.fastpickle import Pickler, Unpickler

#: Makes bytes that are wrong out of a record's.
Damage = Callable[[bytes, random.Random], bytes]
#: What an attribute may turn out to be that is something else.
OTHERS: tuple[Any, ...] = (
    None, 17, -1, 2**70, 0.5, True, "text", "\x1b[2J\ud800\0", b"bytes", (), (1, "two"), [], [None],
    {}, {"a": 1},
)  # fmt: skip


class Reference:
    """A persistent reference, as it is written."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw


def with_random_bytes(data: bytes, chance: random.Random) -> bytes:
    """Nothing that is there was there."""
    return chance.randbytes(len(data))


def with_a_few_random_bytes(data: bytes, chance: random.Random) -> bytes:
    """A few of them are others."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def truncated(data: bytes, chance: random.Random) -> bytes:
    """Its end is missing."""
    return data[: chance.randrange(1, len(data))]


def with_renamed_classes(data: bytes, chance: random.Random) -> bytes:
    """All classes of ours, or one of them, have another name."""
    count = chance.choice([-1, 1])
    return data.replace(b"czcasync.", b"cgone.", count).replace(b"cBTrees.", b"cgone.", count)


def with_another_attribute(data: bytes, chance: random.Random) -> bytes:
    """One attribute, or all that there is, is of another type."""
    kind, state, references = take_apart(data)
    others = [*OTHERS, *references]
    if isinstance(state, dict) and state:
        state[chance.choice(sorted(state))] = chance.choice(others)
    else:
        state = chance.choice(others)
    return put_together(kind, state)


DAMAGES: tuple[Damage, ...] = (
    with_random_bytes,
    with_a_few_random_bytes,
    truncated,
    with_renamed_classes,
    with_another_attribute,
)


def take_apart(data: bytes) -> tuple[bytes, Any, list[Reference]]:
    """The pickle of a record's class, its state, and the references in that."""
    references: list[Reference] = []

    def load(raw: Any) -> Reference:
        references.append(Reference(raw))
        return references[-1]

    file = io.BytesIO(data)
    unpickler = Unpickler(file)
    unpickler.persistent_load = load
    unpickler.load()
    kind = data[: file.tell()]
    return kind, unpickler.load(), references


def put_together(kind: bytes, state: Any) -> bytes:
    """The record again."""
    file = io.BytesIO()
    pickler = Pickler(file, 3)
    pickler.persistent_id = lambda one: one.raw if isinstance(one, Reference) else None
    pickler.dump(state)
    return kind + file.getvalue()


def overwrite(storage: Any, oid: bytes, change: Callable[[bytes], bytes]) -> None:
    """Write a new revision of a record, whatever it is."""
    data, serial = load_current(storage, oid)
    meta = TransactionMetaData(description="damaged")
    storage.tpc_begin(meta)
    storage.store(oid, serial, change(data), "", meta)
    storage.tpc_vote(meta)
    storage.tpc_finish(meta)
