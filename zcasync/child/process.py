"""The process of a child beside its jobs: what a call has done to it is looked at when it returns.

A child that cannot go on ends at once, with the reason in its output: its exit is seen and judged,
and it is replaced.  One that went on without its descriptors would be waited for.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.logger import LogLevel, globalLogPublisher

from zcasync.child.copies import Copies
from zcasync.child.descriptors import OwnDescriptors
from zcasync.child.signals import Signals
from zcasync.child.streams import Streams
from zcasync.child.time_limits import ChildTimeLimits
from zcasync.zeo.connections import server_sockets

#: Exit codes that the supervisor and operators can tell apart.
EXIT_BOOT_FAILED = 70  # or the job thread has ended
EXIT_DESCRIPTORS = 71
EXIT_REACTOR = 72
#: How often the thread of the jobs is looked for.
WATCH_SECONDS = 1.0
#: A process that ends has so long to say why.
LAST_WORDS_SECONDS = 10.0


class JobProcess:
    """This process, which performs jobs; made in its main thread, where ``reactor`` runs.

    ``lifeline``: the pipe that ends with the supervisor, for copies of this process too.
    ``spend()`` is called when it should begin no other job.
    """

    spend: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, reactor: Any, streams: Streams, lifeline: int) -> None:
        self.streams = streams
        self._kept_in_copies = [lifeline, *streams.descriptors]
        self.time_limits = ChildTimeLimits(reactor, streams, lambda: self.spend())
        self._databases: Any = None
        self._descriptors = OwnDescriptors(lambda: server_sockets(self._databases.values()))
        publisher: Any = globalLogPublisher
        publisher.addObserver(self._hear)
        self._signals = Signals(reactor, streams.report_crashes)
        self._copies = Copies(self._give_up, lambda: reactor.callLater(0, os._exit, 0))

    def _hear(self, event: dict[str, Any]) -> None:
        """Listen to Twisted's log: a reactor that cannot wait for anything complains for ever."""
        lost = event.get("log_level") == LogLevel.critical and self._descriptors.lost()
        if lost:
            self.end(EXIT_DESCRIPTORS, f"this child cannot go on: {lost}: has a job done that?")

    def uses(self, main: Any) -> None:
        """Note that all is open which the process needs for its jobs; ``main``: the database."""
        self._databases = main.databases
        self._descriptors.note()

    def call(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make the call of a job; end the process where it is a copy then, or cannot go on."""
        error: BaseException | None = None
        try:
            return self.time_limits.call(call, *args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            if self._copies.is_copy:
                self._copies.exit(error)
            self.streams.restore()  # what goes wrong in the commit is told there
            self._require_descriptors()
            del error

    def watch(self, reactor: Any, thread: threading.Thread) -> None:
        """End the process when the thread of the jobs has ended in C code, which nobody is told.

        Where the system does not list threads nobody knows.
        """
        listed = f"/proc/self/task/{thread.native_id}"
        if not os.path.exists(listed):
            return

        def look() -> None:
            if not os.path.exists(listed) and thread.is_alive():
                self.end(EXIT_BOOT_FAILED, "the thread of the jobs is gone: has C code ended it?")
            reactor.callLater(WATCH_SECONDS, look)

        look()

    def put_back(self) -> None:
        """Make the process fit for the next job, in the jobs' thread."""
        try:
            self.streams.restore_files()
        except OSError as error:
            self.end(EXIT_DESCRIPTORS, f"the output of this child is lost: {error}")
        self._copies.end()

    def put_back_signals(self) -> None:
        """Put back what jobs have changed in the main thread, where this is called."""
        self._signals.restore()

    def end(self, code: int, why: str | BaseException) -> NoReturn:
        """End the process, whatever else fails; ``why`` is the last of its output."""
        try:
            hurry = threading.Timer(LAST_WORDS_SECONDS, os._exit, (code,))
            hurry.daemon = True
            hurry.start()
            self.streams.flush()
            if isinstance(why, BaseException):
                why = "".join(traceback.format_exception(why, limit=20)).rstrip("\n")
            self.streams.last_words(why)
        finally:
            os._exit(code)

    def _require_descriptors(self) -> None:
        problem = self._descriptors.problem()
        if problem is not None:
            self.end(EXIT_DESCRIPTORS, f"this child cannot go on: {problem}: has a job done that?")

    def _give_up(self) -> None:
        """Let go, in a copy, of what is the child's; the copy may go on writing to its output."""
        self._descriptors.give_up(but=self._kept_in_copies)
