"""The child's side of the AMP connection: runs in the main thread beside the job thread."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from typing import Any

from ampoule.child import AMPChild
from twisted.internet.threads import blockingCallFromThread

from zcasync.application.setup import SetUp
from zcasync.child.isolation import Isolation
from zcasync.child.job_queue import JobQueue
from zcasync.child.job_thread import JobThread, thread_target
from zcasync.child.loading_watch import LoadingWatch
from zcasync.child.opening import ChildDatabases
from zcasync.child.process import EXIT_BOOT_FAILED, EXIT_REACTOR, JobProcess
from zcasync.child.reply_buffer import ReplyBuffer
from zcasync.child.surroundings import of_child
from zcasync.child.threads import JobThreads
from zcasync.child.waits import WaitNews
from zcasync.job.conflict_counts import ConflictCounts
from zcasync.job.ids import hex_oid
from zcasync.job.loading import watch_loading
from zcasync.job.time_limits import TimeLimits
from zcasync.perform.notices import Notice
from zcasync.perform.progress import Progress, report_to
from zcasync.perform.surroundings import Surroundings
from zcasync.protocol import commands
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.outcomes import Ended
from zcasync.protocol.waits import Wait

#: Conflicts on so many objects are sent at once: a message takes less than 65,535 bytes.
MOST_SENT = 15


class ChildProtocol(AMPChild):  # type: ignore[misc]
    """The child's AMP protocol: answers the supervisor while a job runs."""

    def __init__(self, reactor: Any, spec: ChildSpec, process: JobProcess) -> None:
        super().__init__()
        self._reactor = reactor
        self._process = process
        self._streams = process.streams
        self._load_timeout = spec.load_timeout
        self._jobs = JobQueue()
        self._conflicts = ConflictCounts()
        self._parts: list[bytes] = []  # of a value that is to be tried
        surroundings = Surroundings(of_child(process.streams), process.call)
        self._replies = ReplyBuffer(reactor, self._send_ended)
        self._isolation = Isolation(spec.isolate)
        process.spend = self._isolation.spend
        self._databases = ChildDatabases(spec)
        self._application = SetUp.of(spec.application, self._databases.note_content)
        self._thread = JobThread(
            self._open_databases,
            bytes.fromhex(spec.incarnation),
            self._jobs,
            ready=self._ready,
            begin=self._begin,
            ended=self._ended,
            watch=self._watch,
            wait=lambda deferred: blockingCallFromThread(reactor, lambda: deferred),
            tell=self._tell,
            conflicted=self._conflicts.add,
            say=self._streams.say,
            invoke=surroundings.invoke,
            owns_process=True,
            observe=WaitNews(self._waits),
            isolation=self._isolation,
            application=self._application,
            within=surroundings.within,
            limits=TimeLimits(spec.soft_limit, spec.hard_limit),
            limited=process.time_limits.watch,
            bound=process.time_limits.bound,
        )

    def connectionMade(self) -> None:
        super().connectionMade()
        target = thread_target(self._work, self._failed)
        jobs = threading.Thread(target=target, name="jobs", daemon=True)
        jobs.start()
        self._process.watch(self._reactor, jobs)

        report_to(self._report, has_one_job=True, later=self._later)

    def connectionLost(self, reason: Any) -> None:
        if not self.shutdown:
            self.end_without_reactor()
        super().connectionLost(reason)

    def end_without_reactor(self) -> None:
        """End the process, unless it was about to end: nothing it reports arrives any more."""
        if not self.shutdown:
            why = "the conversation with the supervisor is over: has a job stopped the reactor?"
            self._process.end(EXIT_REACTOR, why)

    # in the job thread

    def _work(self) -> None:
        watch_loading(LoadingWatch(self._load_timeout, self._streams))
        self._thread.run()
        self._reactor.callFromThread(self._leave)

    def _open_databases(self) -> Any:
        main = self._databases.open()
        if self._application.has_begun:  # with databases that a job has closed
            self._isolation.is_spent = True
        else:
            self._application.begin(self._databases.process(main))
        self._process.uses(main)
        return main

    def _failed(self, error: BaseException) -> None:
        self._process.end(EXIT_BOOT_FAILED, error)

    def _ready(self) -> None:
        self._threads = JobThreads()
        versions = {"python": platform.python_version()}
        pid = os.getpid()
        self._send_from_thread(
            commands.Ready, pid=pid, versions=versions, mark=self._streams.stdout.mark
        )

    def _begin(self, oid: bytes, at_once: bool) -> None:
        self._streams.begin(hex_oid(oid), at_once=at_once)

    def _ended(self, ended: Ended) -> None:
        self._process.put_back()
        self._streams.flush()
        self._replies.add(ended, is_last=self._jobs.is_empty)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._reactor.callFromThread(self._reactor.callLater, seconds, call)

    def _report(self, oid: bytes, progress: Progress) -> None:
        self._send_from_thread(commands.Report, progress=progress.as_dict())

    def _tell(self, notice: Notice) -> None:
        self._send_from_thread(commands.Told, notice=notice.as_dict())

    def _waits(self, wait: Wait | None) -> None:
        told = None if wait is None else wait.as_dict()
        self._send_from_thread(commands.Waits, wait=told)

    def _watch(self, oid: bytes, deferred: Any) -> None:
        self._jobs.hold(oid)
        self._reactor.callFromThread(
            deferred.addBoth, lambda value: self._jobs.add_fired(oid, value)
        )

    def _send_from_thread(self, command: Any, **arguments: Any) -> None:
        self._reactor.callFromThread(self._send, command, **arguments)

    # in the reactor's thread

    def _send_ended(self, ended: Ended) -> None:
        self._process.put_back_signals()  # before a job that follows the answer
        more = {"conflicts": self._conflicts.take(MOST_SENT)} if self._conflicts else {}
        self.callRemote(commands.Ended, **ended.as_dict(), **more)

    def _send(self, command: Any, **arguments: Any) -> None:
        self._replies.flush()  # messages keep their order
        self.callRemote(command, **arguments)

    @commands.Perform.responder
    def perform(self, oids: list[bytes], tid: bytes | None = None) -> dict[str, Any]:
        self._jobs.add(oids, tid)
        return {}

    @commands.Check.responder
    def check(self, oids: list[bytes], tid: bytes | None = None) -> dict[str, Any]:
        self._jobs.add(oids, tid, is_check=True)
        return {}

    @commands.TryValue.responder
    def try_value(
        self, oid: bytes, part: bytes, is_last: bool, references: list[bytes]
    ) -> dict[str, Any]:
        self._parts.append(part)
        if is_last:
            data, self._parts = b"".join(self._parts), []
            self._jobs.add_value(oid, data, references)
        return {}

    @commands.Reorder.responder
    def reorder(self, oids: list[bytes]) -> dict[str, Any]:
        self._replies.flush()
        return {"oids": self._jobs.reorder(oids)}

    @commands.TakeBack.responder
    def take_back(self) -> dict[str, Any]:
        self._replies.flush()
        return {"oids": self._jobs.take_back()}

    @commands.Finish.responder
    def finish(self) -> dict[str, Any]:
        self._replies.flush()
        oids = self._jobs.take_back()
        self._jobs.finish()
        return {"oids": oids}

    @commands.Ping.responder
    def answer_ping(self) -> dict[str, Any]:
        return {"busy": self._jobs.busy}

    def _leave(self) -> None:
        self._replies.flush()
        left = self._threads.left()
        if left:
            self._send(commands.Leaves, threads=[one.as_dict() for one in left])
        self.shutdown = True
        self._streams.flush()
        self.transport.loseConnection()
