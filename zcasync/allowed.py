"""Allowed callables: which ones a database's clients may put and its workers call, by their names.

A guard against mistakes, which asks for the names that records have.  It stops nobody who can write
the database: loading a record alone imports the modules of the classes in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from zcasync.errors import NotAllowed

#: What stands in records behind callbacks and patterns.  They call other partials, which are asked
#: for when their turn comes.
OWN = (
    "zcasync.flows",
    "zcasync.job.callbacks",
    "zcasync.job.gate",
    "zcasync.partial.Partial",
    "zcasync.patterns.run_where",
)
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
GROUP = re.compile(r"entry-points\s+(\S+)")


def rule(text: str) -> str:
    """Return a rule in its one form: a dotted name, or ``entry-points GROUP``.

    Raises ValueError.
    """
    found = GROUP.fullmatch(text)
    if found is None and DOTTED.fullmatch(text) is None:
        raise ValueError(f"{text!r} is neither a dotted name nor: entry-points GROUP")
    return text if found is None else f"entry-points {found[1]}"


class Allowed:
    """Rules; ``source``: where they stand, for messages."""

    def __init__(self, rules: Iterable[str], source: str) -> None:
        self._rules = [rule(one) for one in rules]
        self._source = source

    def require(self, name: str) -> None:
        """Raise NotAllowed unless one of the rules names it, or a part of the dotted name."""
        if _is_below(name, self._named) or _is_below(name, self._by_entry_points):
            return
        names = ", ".join(self._rules) or "nothing"
        raise NotAllowed(
            f"{name} may not be called: {self._source} names {names}; "
            f"a line with `allow {name}`, or with a part in front of a dot, lets it be"
        )

    @cached_property
    def _named(self) -> list[str]:
        return [*OWN, *(one for one in self._rules if GROUP.fullmatch(one) is None)]

    @cached_property
    def _by_entry_points(self) -> list[str]:
        """The names that installed packages have given; those of packages installed later do not
        count.
        """
        metadata = import_module("importlib.metadata")  # which takes time, and few have groups
        groups = [found[1] for one in self._rules if (found := GROUP.fullmatch(one))]
        return [
            one.value.partition("[")[0].strip().replace(":", ".")
            for group in groups
            for one in metadata.entry_points(group=group)
        ]


#: None until the first one has rules: to ask that costs a put next to nothing.
_by_database: WeakKeyDictionary[Any, Allowed] | None = None


def allow_only(db: Any, *rules: str, source: str = "zcasync.allow_only") -> None:
    """Let only these callables be put into a database, and called for it, by this process.

    ``db``: a ``ZODB.DB``; the databases beside it are meant too.  ``rules``: dotted names, which
    stand for all below them (the name of a method begins with that of its object's class), and
    ``entry-points GROUP``.  Whatever opens a home's database takes them from its configuration.
    Raises ValueError for what is no rule.
    """
    global _by_database
    allowed = Allowed(rules, source)
    if _by_database is None:
        _by_database = WeakKeyDictionary()
    for one in db.databases.values():
        _by_database[one] = allowed


def rules_of(jar: Any) -> Allowed | None:
    """Return the rules for what is put or called through a connection; None: all may be."""
    if _by_database is None or jar is None:
        return None
    return _by_database.get(jar.db())


def _is_below(name: str, prefixes: list[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in prefixes)
