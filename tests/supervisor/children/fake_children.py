"""Child processes that are none: a starter whose children speak AMP within the test's process."""

from __future__ import annotations

import itertools
import signal
from typing import Any

from ampoule.main import TO_CHILD
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.protocols import amp
from twisted.python.failure import Failure

from zcasync.perform.notices import Notice
from zcasync.protocol import commands
from zcasync.protocol.outcomes import Completion, Ending
from zcasync.protocol.output_marks import STACK_END, STACK_SIGNAL, new_mark

#: Above what any kernel gives to a process, so that a signal to it or its group meets nobody.
MARK = new_mark()
pids = itertools.count(5_000_000)


class ChildEnd(amp.AMP):
    """What a child answers."""

    def __init__(self, process: FakeProcess) -> None:
        super().__init__()
        self._process = process

    @commands.Perform.responder
    def perform(self, oids: list[bytes], tid: bytes | None = None) -> dict[str, Any]:
        self._process.jobs += oids
        return {}

    @commands.Reorder.responder
    def reorder(self, oids: list[bytes]) -> dict[str, Any]:
        return {"oids": self._process.reorder(oids)}

    @commands.TakeBack.responder
    def take_back(self) -> dict[str, Any]:
        return {"oids": self._process.take_back()}

    @commands.Finish.responder
    def finish(self) -> dict[str, Any]:
        taken = self._process.take_back()
        self._process.finishing = True
        self._process.leave_when_done()
        return {"oids": taken}


class FakeProcess:
    """A child and its process transport.  The first of its jobs runs until the test ends it."""

    def __init__(self, reactor: Clock, connector: Any) -> None:
        self.pid = next(pids)
        self.pipes: dict[int, Any] = {TO_CHILD: self}
        self.jobs: list[bytes] = []
        self.finishing = False
        self.lingers = False  # does not end when it could
        self.is_gone = False
        self.was_ready = False
        self.is_deaf = False  # to signals other than KILL
        self.signals: list[str] = []
        self._reactor = reactor
        self._connector = connector
        self._end = ChildEnd(self)
        connector.transport = self
        connector.connectionMade()
        self._end.makeConnection(self)

    # what the child does

    def ready(self) -> None:
        self.was_ready = True
        self._end.callRemote(commands.Ready, pid=self.pid, versions={}, mark=MARK)

    def end_job(self, ending: Ending = Ending.SETTLED) -> None:
        oid = self.jobs.pop(0)
        self._end.callRemote(
            commands.Ended,
            oids=[oid],
            ending=ending.value,
            microseconds=1000,
            detail="",
            completions=[Completion(1)] if ending == Ending.COMPLETED else [],
        )
        self.leave_when_done()

    def tell(self, notice: Notice) -> None:
        self._end.callRemote(commands.Told, notice=notice.as_dict())

    def reorder(self, oids: list[bytes]) -> list[bytes]:
        waiting = sorted(self.jobs[1:], key=oids.index)
        self.jobs[1:] = waiting
        return waiting

    def take_back(self) -> list[bytes]:
        taken, self.jobs = self.jobs[1:], self.jobs[:1]
        return taken

    def leave_when_done(self) -> None:
        if self.finishing and not self.jobs and not self.lingers:
            self._reactor.callLater(0, self.die, ProcessDone(0))

    def say(self, text: str) -> None:
        """On stderr."""
        self._connector.childDataReceived(2, text.encode())

    def mark(self, text: str) -> None:
        """On stdout, where it marks its jobs."""
        self._connector.childDataReceived(1, text.encode())

    def die(self, how: Exception) -> None:
        if not self.is_gone:
            self.is_gone = True
            self._connector.processExited(Failure(how))
            self._connector.processEnded(Failure(how))

    def crash(self, code: int = 70) -> None:
        self.die(ProcessTerminated(code))

    # transports of both sides

    def writeToChild(self, fd: int, data: bytes) -> None:
        """Arrives when the test lets time pass, as through a pipe: never before this returns."""
        if fd not in self.pipes:  # as Twisted's
            raise KeyError(fd)
        self._reactor.callLater(0, self._receive, data)

    def _receive(self, data: bytes) -> None:
        if not self.is_gone:
            self._end.dataReceived(data)

    def write(self, data: bytes) -> None:
        self._connector.childDataReceived(4, data)

    def signalProcess(self, which: str | int) -> None:
        number = signal.Signals(getattr(signal, f"SIG{which}") if isinstance(which, str) else which)
        self.signals.append(number.name)
        if number == signal.SIGKILL:
            self._reactor.callLater(0, self.die, ProcessTerminated(signal=number))
        elif number == STACK_SIGNAL and not self.is_deaf:
            self._reactor.callLater(0, self._say_stack)

    def _say_stack(self) -> None:
        if not self.is_gone:
            self.say(f"Thread 0x1:\n  line 7 in work\n\nThread 0x2:\n  line 198 {STACK_END}\n")

    def closeChildFD(self, fd: int) -> None:
        self.pipes.pop(fd, None)

    def getPeer(self) -> tuple[str]:
        return ("a child in this process",)

    getHost = getPeer


class FakeStarter:
    """``problem``: raised instead of starting anything."""

    def __init__(self, reactor: Clock) -> None:
        self.started: list[FakeProcess] = []
        self.problem: OSError | None = None
        self._reactor = reactor

    def startAMPProcess(self, module: str, connector: Any, args: tuple[str, ...]) -> None:
        if self.problem is not None:
            raise self.problem
        self.started.append(FakeProcess(self._reactor, connector))
