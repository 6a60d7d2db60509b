"""The values that a client may send to a server: such that nothing is called to make them.

They travel as pickles, and a pickle can name any function to be called where it is read.
"""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any

from zodbpickle.pickle import Unpickler, dumps

#: The classes that messages may name: what Zope's undo form looks for.  Commits, undo, packs, blobs
#: and history name none at all.  Dates and sets are missing: ZEO's server takes no dates, and
#: clients load neither, so one transaction that notes a set would leave all without an undo log.
CLASSES = {("ZopeUndo.Prefix", "Prefix")}


class NotPlain(Exception):
    """A pickle of more than plain values."""


class _Unpickler(Unpickler):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in CLASSES:
            raise NotPlain(f"it names {module}.{name}")
        # A class of its own for each message, which has nothing that could be changed for others.
        return type(name, (getattr(import_module(module), name),), {})


def decode(data: bytes) -> Any:
    """Return what a pickle of plain values holds.  Raises NotPlain, and what pickles do."""
    return _Unpickler(BytesIO(data)).load()


def require_plain(extension: dict[str, Any]) -> None:
    """Raise TypeError for the extended info of a transaction that no server would take."""
    if all(type(key) is type(value) is str for key, value in extension.items()):
        return
    try:
        decode(dumps(extension, 3))
    except NotPlain as error:
        raise TypeError(
            f"the extended info of a transaction, {sorted(extension)}, may hold texts, numbers, "
            f"lists, tuples and dictionaries only: {error}; a date can be its isoformat()"
        ) from error
