"""Labels: what the transactions of a job say of it, in their user, description and extended info.

A commit is labelled where it begins at a storage, so it does not matter through which connection it
comes there: the job's own, one that it has opened itself, an undo.  What the application has said
of the transaction stays; the label is added to what the storage is given, not to the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, NamedTuple, Protocol

#: The key of a label's details in the extended info of a transaction.
KEY = "zcasync"
#: No storage takes a longer description or extended info.
LIMIT_BYTES = 65_535


class Text(NamedTuple):
    """The text of a label.

    ``description`` is added to the transaction's, ``details`` to its extended info; ``user`` is for
    a transaction that names none, '': nobody.
    """

    description: str
    details: str
    user: str = ""


class Label(Protocol):
    """The label of commits; it makes its text only where there is one, in whatever thread."""

    def text(self) -> Text:
        """Return what is to be written."""

    def own(self) -> Label | None:
        """Return the label of what the job commits in transactions of its own."""


#: Is told of a storage, and of the id of a transaction that was committed there; must not raise.
Told = Callable[[Any, bytes], None]

_active: ContextVar[tuple[Label, Told | None] | None] = ContextVar("zcasync.label", default=None)


class labelled:
    """A context in which commits have a label; ``told`` is told of them.  None: as outside."""

    __slots__ = ("_active", "_token")

    def __init__(self, label: Label | None, told: Told | None = None) -> None:
        self._active = None if label is None else (label, told)
        self._token: Token[Any] | None = None

    def __enter__(self) -> None:
        if self._active is not None:
            self._token = _active.set(self._active)

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            _active.reset(self._token)


def active() -> labelled:
    """Return the context of what the code here commits elsewhere, to be entered there."""
    found = _active.get()
    return labelled(None) if found is None else labelled(found[0].own(), found[1])


def write(metadata: Any) -> None:
    """Write the label, if any, to the metadata of a transaction whose commit begins.

    Safe to repeat.
    """
    found = _active.get()
    if found is None or KEY in metadata.extension:
        return
    description, details, user = found[0].text()
    if not metadata.extension or _has_room(metadata.extension_bytes, details):
        metadata.extension = {**metadata.extension, KEY: details}
    before = metadata.description
    if not before:
        metadata.description = description.encode()
    elif _has_room(before, description):
        metadata.description = b"%b\n%b" % (before, description.encode())
    if user and not metadata.user:
        metadata.user = user.encode()


def tell(storage: Any, tid: Any) -> None:
    """Tell of a commit with this id at a storage; None: it has not said its id."""
    found = _active.get()
    if found is not None and found[1] is not None and isinstance(tid, bytes):
        found[1](storage, tid)


def _has_room(before: bytes, text: str) -> bool:
    """Return whether both fit, with what a pickle has between them."""
    return len(before) + len(text.encode()) + 100 <= LIMIT_BYTES
