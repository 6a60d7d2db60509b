"""The commits that a ZEO client has seen, as far as they are certain; see ``history``.

Nothing is believed to be a commit only because a server has said that it was its last: a commit
that writes nothing may have an id that is gone when the server starts again, and so has one that a
crashed server had not finished.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

#: The number of a commit's objects that are asked for.
ASKED_OBJECTS = 8
#: The number of cached records that are looked at by a client that has seen no commit.
SAMPLE = 1000


class Commit(NamedTuple):
    """A transaction, and some of the objects that it has written."""

    tid: bytes
    oids: tuple[bytes, ...]

    @classmethod
    def of(cls, tid: bytes, oids: Iterable[bytes]) -> Commit:
        """Return the commit, with as many of its objects as are asked for."""
        return cls(tid, tuple(itertools.islice(oids, ASKED_OBJECTS)))


class Seen:
    """The last commits that a client knows of: its own, and what it heard of those of others.

    ZEO's own server reports a commit to other clients before it is finished, so the last one that
    was heard is certain only where our server has reported it, or one after it was heard, or where
    something that it has written was loaded.
    """

    def __init__(self) -> None:
        self._own: Commit | None = None
        self._heard: Commit | None = None
        self._before: Commit | None = None  # the one that was heard before that

    def wrote(self, tid: bytes, oids: Iterable[bytes]) -> None:
        """Note a commit that the server has confirmed to this client."""
        commit = Commit.of(tid, oids)
        if commit.oids:
            self._own = commit

    def heard(self, tid: bytes, oids: Iterable[bytes]) -> None:
        """Note a commit of another client."""
        self._before, self._heard = self._heard, Commit.of(tid, oids)

    def commits(self, cache: Any, are_finished: bool) -> list[Commit]:
        """Return those that are certain; ``are_finished``: the server reports no other ones."""
        own, heard = self._own, self._heard
        later = own is not None and heard is not None and own.tid > heard.tid
        if heard is not None and not (are_finished or later or _is_loaded(cache, heard)):
            heard = self._before
        found = [one for one in (own, heard) if one is not None and one.oids]
        if not found:
            found = _newest_cached(cache)
        return sorted(found, reverse=True)


def _is_loaded(cache: Any, commit: Commit) -> bool:
    """Return whether something that a commit has written was loaded."""
    records = [cache.load(oid) for oid in commit.oids]
    return any(record is not None and record[1] == commit.tid for record in records)


def _newest_cached(cache: Any) -> list[Commit]:
    """Return the commit of the newest of some cached records, in a list; empty: there are none."""
    with cache._lock:
        sample = list(itertools.islice(cache.contents(), SAMPLE))
    newest = max(sample, key=lambda pair: pair[1], default=None)
    return [] if newest is None else [Commit(newest[1], (newest[0],))]
