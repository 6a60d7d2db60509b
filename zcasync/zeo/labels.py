"""Labels: what the transactions of a job say of it, in their user, description and extended info.

A commit is labelled where it begins at a storage, so it does not matter through which connection it
comes there: the job's own, one that it has opened itself, an undo.  What the application has said
of the transaction stays; the label is added to what the storage is given, not to the transaction.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Protocol

#: The key of a label's details in the extended info of a transaction.
KEY = "zcasync"
#: No storage takes a longer description or extended info.
LIMIT_BYTES = 65_535


class Label(Protocol):
    """The label of a job's commits."""

    def texts(self) -> tuple[str, str, str]:
        """Return what is to be added: to the description, to the extended info, and a user.

        The user is for a transaction that names none; '': nobody in particular.
        """

    def own(self) -> Label:
        """Return the label of what the job commits in transactions of its own."""

    def note(self, storage: Any, tid: bytes) -> None:
        """Note a transaction that was committed at a storage on the way.  Must not raise."""


_active: ContextVar[tuple[Label, bool] | None] = ContextVar("zcasync.label", default=None)


class labelled:
    """A context in which commits have a label; None: as outside.

    ``is_on_the_way``: they are to be noted.
    """

    __slots__ = ("_active", "_token")

    def __init__(self, label: Label | None, is_on_the_way: bool = False) -> None:
        self._active = None if label is None else (label, is_on_the_way)
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
    if found is None:
        return
    before = metadata.extension
    if KEY in before:
        return
    description, details, user = found[0].texts()
    if not before:
        metadata.extension = {KEY: details}
    elif _has_room(metadata.extension_bytes, details):
        metadata.extension = {**before, KEY: details}
    said = metadata.description
    if not said:
        metadata.description = description.encode()
    elif _has_room(said, description):
        metadata.description = b"%b\n%b" % (said, description.encode())
    if user and not metadata.user:
        metadata.user = user.encode()


def tell(storage: Any, tid: Any) -> None:
    """Tell the job of a commit with this id at a storage; None: it has not said its id."""
    found = _active.get()
    if found is not None and found[1] and isinstance(tid, bytes):
        found[0].note(storage, tid)


def _has_room(before: bytes, text: str) -> bool:
    """Return whether both fit, with what a pickle has between them."""
    return len(before) + len(text.encode()) + 100 <= LIMIT_BYTES
