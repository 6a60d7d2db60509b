"""The feed of ``top``: pictures of a home, made when something was committed, or after a second.

They are made in a thread of their own, so that a frozen database keeps nobody from leaving.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice
from typing import Any

from zcasync.cli.following import AWAY, Following, Heard
from zcasync.instance.home import Home
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.reports import health, running
from zcasync.reports import workers as report
from zcasync.reports.job import release, summary
from zcasync.reports.listing import claimed, listing
from zcasync.reports.reasons import with_reason
from zcasync.reports.selection import Selection
from zcasync.reports.trouble import Level, Trouble
from zcasync.reports.walk import chosen

#: A new picture is made at least this often, and no more often than that.
LONGEST_SECONDS, SHORTEST_SECONDS = 1.0, 0.2
#: So many jobs of each kind are in a picture: more than a terminal has lines.
MOST_JOBS = 100
LIMITS = health.Limits(due_seconds=300.0)


class Feed:
    """Makes pictures; ``fresh`` is called in its thread when there is a new one, or an error."""

    def __init__(self, home: Home, timeout: float, fresh: Callable[[], None]) -> None:
        self._home = home
        self._timeout = timeout
        self._fresh = fresh
        self._following = Following(home, timeout)
        self.picture: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to make pictures."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, without waiting for a database that does not answer."""
        self._following.stop()
        if self._thread.ident is not None:
            self._thread.join(LONGEST_SECONDS)
        if self._thread.is_alive():
            self._following.leave()
        else:
            self._following.close()

    def _run(self) -> None:
        try:
            while not self._following.is_over:
                self.picture = self.make()
                self._fresh()
                self._following.wait(LONGEST_SECONDS, SHORTEST_SECONDS)
        except BaseException as error:  # raised again in the thread that shows the pictures
            self.error = error
            self._fresh()

    def make(self) -> dict[str, Any]:
        """Return a picture: the document of ``status``, and what else ``top`` shows."""
        supervisor = report.SupervisorProbe(self._home, self._timeout / 2)
        document = report.without_database(self._home, supervisor)

        def look(connection: Any, manager: Any, heard: Heard) -> dict[str, Any]:
            return document | {
                "queues": report.queues(manager),
                "workers": report.workers(manager, self._home, supervisor, limit=MOST_JOBS),
                **health.figures(manager, LIMITS),
                "active": _active(manager, supervisor),
                "ended": listing(manager, Selection(state=COMPLETED), MOST_JOBS, summary),
            }

        try:
            found = self._following.do(look)
            troubles = health.troubles(found, LIMITS)
        except AWAY as error:
            own = report.own_from_files(self._home, supervisor)
            found = document | {"workers": None if own is None else [own]}
            found |= {"active": [], "ended": []}
            troubles = [Trouble(Level.CRITICAL, "database", str(error), "zcasync status")]
        running.add(found["active"], supervisor)
        return found | {"troubles": [one.as_dict() for one in troubles]}


def _active(manager: Any, supervisor: Any) -> list[dict[str, Any]]:
    """Return the jobs that workers hold, as a listing has them.

    It would look at all that waits for others that wait for those, however many.
    """
    if manager is None:
        return []
    form, found = with_reason(manager, supervisor, summary), []
    workers = chosen(manager, MOST_JOBS)
    held = (partial for worker in workers for partial in claimed(worker, MOST_JOBS))
    for partial in islice(held, MOST_JOBS):
        found.append(form(partial))
        release(partial)
    return [one for one in found if one.get("state") == ACTIVE]
