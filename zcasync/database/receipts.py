"""Receipts: a record that is written with a commit, and shows afterwards that this is stored.

For a change that leaves nothing of its own to look for, such as a call of any kind.  Receipts are
kept in the database's root, because a pack would remove a record that nothing refers to, just when
it is to be looked for.  There is one for each connection, which nobody else writes: a connection
has one user at a time.  As every try of a commit writes the same record, a try that has come late
to the storage, and its successor, are never both stored.
"""

from __future__ import annotations

import os
import time
from typing import Any

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.POSException import POSKeyError

from zcasync.errors import InDoubt
from zcasync.unpublished import Unpublished
from zcasync.zeo.connections import has_changes

ROOT_KEY = "zcasync.receipts"
#: So many connections of so many processes have one; the receipts that were made first go first.
LIMIT = 1000
#: The attribute of a connection with the key of its receipt.
KEY = "_zcasync_receipt"

#: Receipts that were written: in which database, their oid, their sign.
Signed = list[tuple[str, bytes, bytes]]


class Receipt(Unpublished, Persistent):  # type: ignore[misc]
    """The sign of the last commit for which it was written; None: it was dropped."""

    sign: bytes | None = b""


def sign(connection: Any) -> Signed:
    """Write a receipt for this transaction in each database that it changes.

    Return what :func:`are_signed` asks for; nothing where nothing was changed.  The last thing to
    do before the commit.
    """
    changed = [one for one in connection.connections.values() if has_changes(one)]
    mark = os.urandom(16)
    return [(one.db().database_name, _receipt(one, mark)._p_oid, mark) for one in changed]


def are_signed(connection: Any, signed: Signed) -> bool:
    """Return whether the commit is stored for which ``sign`` has returned this.

    Raises InDoubt where that cannot be told any more, or where it is in one database only.
    """
    found = [_is_there(connection.get_connection(name), oid, mark) for name, oid, mark in signed]
    if any(found) and not all(found):
        stored = [name for (name, _, _), is_there in zip(signed, found, strict=True) if is_there]
        raise InDoubt(f"the commit is stored in a part of its databases only: {stored}")
    return any(found)


def _receipt(connection: Any, mark: bytes) -> Receipt:
    """Write this connection's receipt; make it where there is none."""
    root = connection.root()
    receipts = root.get(ROOT_KEY)
    if receipts is None:
        receipts = root[ROOT_KEY] = OOBTree()
    key = getattr(connection, KEY, None)
    if key is None:
        key = time.time_ns().to_bytes(8) + os.urandom(8)
        setattr(connection, KEY, key)
    receipt = receipts.get(key)
    if receipt is None:
        receipt = receipts[key] = Receipt()
        connection.add(receipt)
        while len(receipts) > LIMIT:
            receipts.pop(receipts.minKey()).sign = None
    receipt.sign = mark
    return receipt  # type: ignore[no-any-return]


def _is_there(connection: Any, oid: bytes, mark: bytes) -> bool:
    try:
        receipt = connection.get(oid)
    except POSKeyError:
        return False
    if isinstance(receipt, Receipt) and receipt.sign is None:
        raise InDoubt("the receipt of the commit was dropped to make room for others")
    return isinstance(receipt, Receipt) and receipt.sign == mark
