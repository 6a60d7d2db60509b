"""ContentWatch: tells once of objects of an application in a worker that has none set up.

Their methods run there all the same, but nobody hears their events and no catalog is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from twisted.logger import Logger

log = Logger()

#: The beginnings of the modules of classes that are an application's content, and whose it is.
CONTENT = {
    "OFS.": "Zope",
    "Products.": "Zope",
    "plone.": "Plone",
    "pyramid.": "Pyramid",
}
#: Arguments in which there may be some, and how many of theirs are looked at.
CONTAINERS = (list, tuple, set, frozenset, dict)
MOST_IN_CONTAINER = 100
TEXT = (
    "{job} is called with a {kind}, an object of {whose}, but this worker has no application "
    "set up; events and indexing do nothing here: see the setting application, {name} for instance"
)
#: What sets each of them up.
NAMES = {
    "Zope": "zcasync.zope:Application etc/zope.conf",
    "Plone": "zcasync.zope:Application etc/zope.conf",
    "Pyramid": "zcasync.pyramid:Application production.ini",
}


def note_nothing(text: str) -> None:
    """Do nothing: the ``note`` of a process whose home nobody checks."""


class ContentWatch:
    """Looks at the objects that calls are made with, until one was told of.

    ``note(text)`` is told the same as the log.
    """

    def __init__(self, note: Callable[[str], None] = note_nothing) -> None:
        self._note = note
        self._seen: set[type] = set()
        self._has_told = False

    def look(self, partial: Any) -> None:
        """Look at the object of a method, at arguments, and at what is in lists and their like.

        Nothing is loaded for that: what is large, and has a record of its own, is not looked into.
        """
        if self._has_told:
            return
        call = partial.stored_callable
        args, kwargs = ((), None) if partial.is_packed else partial.argument_forms
        owner = (call[0],) if type(call) is tuple else ()
        packed = partial.packed_references
        for value in _with_contents((*owner, *args, *(kwargs or {}).values(), packed)):
            kind = type(value)
            if kind not in self._seen:
                self._seen.add(kind)
                self._look_at(kind, partial)

    def _look_at(self, kind: type, partial: Any) -> None:
        whose = _whose(kind)
        if whose is None or self._has_told:
            return
        self._has_told = True
        told = {
            "job": partial.callable_name,
            "kind": f"{kind.__module__}.{kind.__qualname__}",
            "whose": whose,
            "name": NAMES[whose],
        }
        log.warn(TEXT, **told)
        self._note(TEXT.format(**told))


def _with_contents(values: Iterable[Any]) -> Iterator[Any]:
    """Yield values, and the first ones in those that are lists, tuples, sets or mappings."""
    for value in values:
        yield value
        kind = type(value)
        if kind in CONTAINERS:
            yield from islice(value.values() if kind is dict else value, MOST_IN_CONTAINER)


def _whose(kind: type) -> str | None:
    """Return whose content a class is; None: of no application that is known here."""
    for one in kind.__mro__:
        for beginning, whose in CONTENT.items():
            if one.__module__.startswith(beginning):
                return whose
    return None
