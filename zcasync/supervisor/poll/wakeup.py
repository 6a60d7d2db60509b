"""The wakeup: hears of commits of other processes and threads, and reports those that matter."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from zcasync.database.listening import Listening, listen

#: A pass is given the oids that have woken it, up to so many, so that it can load all at once.
HEARD_LIMIT = 100
#: So many of the engine's own commits are known when they are reported after their passes, as those
#: of a RelStorage may be.
OWN_LIMIT = 16


class Wakeup:
    """Listens to the commits to a database, which are reported on a thread of the storage.

    ``ring(oids)`` is called there when one of the watched oids was written, with all that was
    written with it; empty where that is not known.  What comes while a pass is running is kept
    until its end, because the pass may not have seen it: then ``ring`` is called for what the pass
    has not written itself.  ``ask(tid, oids)`` is called there, too, for the first commit that
    matters after a pass, before the reactor has woken up; what it returns is for the pass.
    """

    def __init__(
        self,
        ring: Callable[[set[bytes]], None],
        ask: Callable[[bytes, set[bytes]], Any] = lambda tid, oids: None,
    ) -> None:
        self._ring = ring
        self._ask = ask
        self._asked: Any = None
        self._lock = threading.Lock()
        self._watched: frozenset[bytes] = frozenset()
        self._heard: set[bytes] = set()  # what was written by commits that matter
        self._own: deque[bytes] = deque(maxlen=OWN_LIMIT)
        self._meanwhile: dict[bytes, set[bytes]] | None = None  # tid -> oids, while a pass runs
        self._is_closed = False
        self._listening: Listening | None = None

    def listen(self, db: Any) -> bool:
        """Begin to listen; return whether commits of this storage are reported at all."""
        self._listening = listen(db, self)
        return self._listening is not None

    @property
    def is_live(self) -> bool:
        """Whether commits are reported as soon as they are made, and not only looked for."""
        return self._listening is not None and not self._is_closed and self._listening.is_push

    def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.close()
        self._is_closed = True

    def begin(self) -> tuple[frozenset[bytes], Any]:
        """Begin a pass, which may not see what is heard from now on.

        Returns the oids that were written by the commits that have woken the engine since the last
        pass, and what ``ask`` has returned.
        """
        with self._lock:
            heard, self._heard = frozenset(self._heard), set()
            asked, self._asked = self._asked, None
            self._meanwhile = {}
        return heard, asked

    def settle(self) -> None:
        """Wait until every connection knows the reported commits; call it before a pass begins.

        This object may be the first of a database's listeners to be notified.
        """
        if self._listening is not None:
            self._listening.settle()

    def watch(self, oids: frozenset[bytes], own: bytes | None = None) -> None:
        """End a pass: watch these oids from now on, and report at once what came meanwhile.

        ``own``: the transaction id of what the pass has written.  None among the oids: some of that
        has got an oid only now, which the next pass has to return.
        """
        self._end_of_pass(oids, None if None in oids else own)

    def missed(self) -> None:
        """End a failed pass: watch what was watched before, and report what came meanwhile."""
        self._end_of_pass(self._watched, None)

    def _end_of_pass(self, oids: frozenset[bytes], own: bytes | None) -> None:
        with self._lock:
            self._watched = oids
            if own is not None:
                self._own.append(own)
            meanwhile, self._meanwhile = self._meanwhile or {}, None
            others = [heard for tid, heard in meanwhile.items() if tid not in self._own]
            changes = set().union(*filter(self._note, others))
        if changes:
            self._ring(changes)

    def _note(self, heard: set[bytes]) -> bool:
        """Keep what was written together; return whether it matters."""
        if self._watched.isdisjoint(heard):
            return False
        if len(self._heard) + len(heard) <= HEARD_LIMIT:
            self._heard |= heard
        return True

    # what is called on any thread

    def wants(self, oids: Collection[bytes]) -> bool:
        """Return whether a commit is to be reported: while a pass runs, any may matter."""
        return self._meanwhile is not None or self.watches(oids)

    def watches(self, oids: Collection[bytes]) -> bool:
        """Return whether some of these are watched."""
        return not self._watched.isdisjoint(oids)

    def invalidate(self, tid: bytes, oids: Iterable[bytes]) -> None:
        """Wake the engine for a commit that matters, and ask for its records ahead."""
        heard = set(oids)
        with self._lock:
            if tid in self._own:
                return
            if self._meanwhile is not None:
                self._meanwhile.setdefault(tid, set()).update(heard)
                return
            is_first = not self._heard
            matters = self._note(heard)
            if matters and is_first and len(heard) <= HEARD_LIMIT:
                self._asked = self._ask(tid, heard)
        if matters:
            self._ring(heard)

    def invalidate_all(self) -> None:
        """Wake the engine: the storage has lost track, so anything may have been committed."""
        self._ring(set())
