"""Listening to the commits of a RelStorage, which tells of none itself.

A thread for each database, while somebody listens, reports to listeners what is committed: as
soon as a NOTIFY says so where the server is PostgreSQL, and what it finds by looking now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from typing import Any, Protocol

from twisted.logger import Logger
from ZODB.utils import p64

from zcasync.relstorage.lines import Commits, Heard, Line, errors, open_line
from zcasync.relstorage.storages import adapter_of
from zcasync.relstorage.trust import Trust
from zcasync.text import cut, message_of

log = Logger()

#: The pauses between two tries to connect, which double, seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
#: The connection is kept for so long without a listener, as the next one may come soon, seconds.
LINGER = 5.0
#: Where the feed of a database is kept: at what all its connections share.
KEPT_AS = "_zcasync_feed"


#: The transaction id for a commit of another process that is not looked up.
OF_OTHERS = 0


class Listener(Protocol):
    """A listener to commits, called in the feed's thread.  Its methods must not raise."""

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit that has written these; ``tid`` may be that of none."""

    def invalidate_all(self) -> None:
        """Take note that anything may have been committed."""

    def wants(self, oids: Collection[bytes]) -> bool:
        """Return whether a commit of these is to be reported."""

    def watches(self, oids: Collection[bytes]) -> bool:
        """Return whether some of these are waited for; to be sure that they are heard."""


class FeedListening:
    """The registration of a listener."""

    def __init__(self, feed: ChangeFeed, listener: Listener) -> None:
        self._feed = feed
        self._listener = listener
        feed.add(listener)

    @property
    def is_push(self) -> bool:
        """Whether commits are heard at once just now, not only found by looking."""
        return self._feed.is_push

    def close(self) -> None:
        """Stop listening.  Safe to repeat."""
        self._feed.remove(self._listener)

    def settle(self) -> None:
        """Do nothing: each transaction asks the server what was committed before it."""


_making = threading.Lock()


def listen(db: Any, listener: Listener) -> FeedListening | None:
    """Let a listener be told of each commit to a RelStorage; None for another storage.

    It is told that anything may have been committed whenever the connection to the server is new.
    """
    adapter = adapter_of(db)
    if adapter is None:
        return None
    shared = adapter.connmanager
    with _making:
        feed = getattr(shared, KEPT_AS, None)
        if feed is None:
            feed = ChangeFeed(adapter)
            setattr(shared, KEPT_AS, feed)
    return FeedListening(feed, listener)


class ChangeFeed:
    """Reports the commits of one database, in a thread that lives as long as there are listeners.

    ``now``: seconds.
    """

    def __init__(self, adapter: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._adapter = adapter
        self._now = now
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._left_at = now()
        self._thread: threading.Thread | None = None
        self._trust: Trust | None = None

    @property
    def is_push(self) -> bool:
        """Whether commits are heard at once just now."""
        trust = self._trust
        return trust is not None and trust.is_given

    def add(self, listener: Listener) -> None:
        """Report to this one, too."""
        with self._lock:
            self._listeners.append(listener)
            if self._thread is None or not self._thread.is_alive():  # it is not after a fork
                self._thread = threading.Thread(
                    target=self._work, name="zcasync-listening", daemon=True
                )
                self._thread.start()

    def remove(self, listener: Listener) -> None:
        """Report nothing more to this one.  Safe to repeat."""
        with self._lock:
            self._listeners = [one for one in self._listeners if one is not listener]
            self._left_at = self._now()

    # in the thread

    def _work(self) -> None:
        try:
            self._run()
        finally:  # whatever ends it: nobody is told any more, and the next listener begins anew
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread, self._trust = None, None

    def _run(self) -> None:
        pause = FIRST_PAUSE
        lost = errors(self._adapter)
        while not self._is_over():
            try:
                with closing(open_line(self._adapter)) as line:
                    self._serve(line)
            except lost as error:
                if self._trust is not None:
                    pause = FIRST_PAUSE
                    log.warn("{line}", line=_lost(error))
                self._trust = None
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)

    def _is_over(self) -> bool:
        """Return whether nobody has listened for a while; then the thread is over."""
        with self._lock:
            if self._listeners or self._now() - self._left_at < LINGER:
                return False
            self._thread, self._trust = None, None
            return True

    def _serve(self, line: Line) -> None:
        trust = Trust(line.hears, self._now)
        reports = _Reports(line, trust, self._tell)
        self._trust = trust
        self._tell(None, None)
        look_at = self._now() + trust.pause
        while not self._is_over():
            reports.report_heard(line.wait(max(0.0, look_at - self._now())))
            if self._now() >= look_at:
                if trust.judge():
                    log.warn("{line}", line=UNHEARD)
                reports.look()
                look_at = self._now() + trust.pause

    def _tell(self, tid: int | None, oids: Collection[int] | None) -> bool:
        """Report a commit to those who want it; return whether one waits for it.

        Without ``tid`` it is only asked who wants it; without both anything may be committed.
        """
        with self._lock:
            if oids is None:
                for one in self._listeners:
                    one.invalidate_all()
                return True
            written = frozenset(map(p64, oids))
            if tid is None:
                return any(one.wants(written) for one in self._listeners)
            wanted = [one for one in self._listeners if one.wants(written)]
            is_watched = any(one.watches(written) for one in wanted)
            for one in wanted:
                one.invalidate(p64(tid), written)
            return is_watched


class _Reports:
    """What of the commits behind one line was reported, so that each is reported once."""

    def __init__(self, line: Line, trust: Trust, tell: Callable[..., bool]) -> None:
        self._line, self._trust, self._tell = line, trust, tell
        self._seen = line.newest()  # all up to this transaction
        self._told: Commits = {}  # of later ones

    def report_heard(self, heard: list[Heard]) -> None:
        """Report the commits of NOTIFYs: those of others at once, ours once it is known which.

        That is what an engine knows its own commits by.
        """
        own: set[int] = set()
        others: set[int] = set()
        for one in heard:
            self._trust.heard(one.oids)
            if one.oids is None:
                self._tell(None, None)
            else:
                (own if one.is_own else others).update(one.oids)
        if others:
            self._tell(OF_OTHERS, others)
        if own or others:
            self._note(own, others)

    def _note(self, own: set[int], others: set[int]) -> None:
        """Note which commits were heard, and report those of ours."""
        if not self._tell(None, own | others):
            return
        for tid, written in sorted(self._line.written(own | others).items()):
            if tid > self._seen:
                new = (written & own) - self._told.get(tid, set())
                self._told.setdefault(tid, set()).update(written)
                if new:
                    self._tell(tid, new)

    def look(self) -> None:
        """Report what was committed since the last look, and was not heard."""
        commits, self._seen = self._line.since(self._seen)
        told, self._told = self._told, {}
        if commits is None:
            self._tell(None, None)
            return
        for tid, written in sorted(commits.items()):
            new = written - told.get(tid, set())
            if new and self._tell(tid, new) and tid not in told:
                self._trust.found(tid, written)


UNHEARD = (
    "commits were found that no NOTIFY had told of: made by a process that does not use zcasync's "
    "installer, or a pooler is between here and PostgreSQL; looking for them from now on"
)


def _lost(error: BaseException) -> str:
    return (
        f"the connection that listens to commits is lost ({type(error).__name__}: "
        f"{cut(message_of(error))}); it is made anew"
    )
