"""One child process as the supervisor sees it: its state, its jobs, its output, its death."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from ampoule.main import AMPConnector
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from zcasync.ids import hex_oid
from zcasync.protocol import commands
from zcasync.protocol.outcomes import Death, Ending
from zcasync.reporting import Progress
from zcasync.supervisor.in_hand import InHand
from zcasync.supervisor.lines import Lines

log = Logger()

#: No pipe holds more, unless root has changed the kernel's limit.
PIPE_LIMIT_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024


class ParentEnd(amp.AMP):  # type: ignore[misc]
    """The supervisor's end of the conversation with one child."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child

    @commands.Ready.responder
    def ready(self, pid: int, versions: dict[str, str]) -> dict[str, Any]:
        self._child.is_ready()
        return {}

    @commands.Ended.responder
    def ended(
        self, oids: list[bytes], ending: str, microseconds: int, detail: str, moments: list[int]
    ) -> dict[str, Any]:
        self._child.note_completed(oids, moments)
        self._child.jobs_ended(oids, Ending(ending), microseconds / 1e6, detail)
        return {}

    @commands.Report.responder
    def report(self, progress: dict[str, Any]) -> dict[str, Any]:
        self._child.note_progress(Progress.from_dict(progress))
        return {}


class Connector(AMPConnector):  # type: ignore[misc]
    """Death is decided by ``processExited``: a grandchild that holds a pipe cannot hide it."""

    def __init__(self, child: Child) -> None:
        super().__init__(ParentEnd(child), name=f"child {child.slot}")
        self._child = child

    def connectionMade(self) -> None:
        self.amp.makeConnection(self)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == 4:
            self.amp.dataReceived(data)
        else:
            self._child.lines.received(childFD, data)

    def processExited(self, reason: Any) -> None:
        # Killed before the pipes close: what a job started must neither live on nor hold them.
        self._child.kill_group()
        self._child.drain(4, 1, 2)
        for fd in list(self.transport.pipes):
            self.transport.closeChildFD(fd)
        self._child.exited(reason)

    def processEnded(self, status: Any) -> None:
        self.amp.connectionLost(status)
        self.finished.callback(None)


class Child(InHand):
    """A child process in a slot.

    ``changed(child)`` is called when it is ready or has ended a job, ``gone(child, death)`` once
    when the process is gone.
    """

    def __init__(
        self,
        reactor: Any,
        slot: int,
        *,
        boot_timeout: float,
        output_lines: int,
        changed: Callable[[Child], None],
        gone: Callable[[Child, Death], None],
    ) -> None:
        super().__init__(reactor, slot)
        self.lines = Lines(slot, output_lines, self.job_id)
        self._changed = changed
        self._gone = gone
        self._kill_reason: str | None = None
        self._boot_timeout = boot_timeout
        self._boot_timer: Any = None
        self._connector = Connector(self)

    def start(self, starter: Any, spec_text: str) -> None:
        """Start the process.  Raises OSError when it cannot be started."""
        starter.startAMPProcess("zcasync.child", self._connector, (spec_text,))
        self.pid = self._connector.transport.pid
        # Both sides do this, so that the group exists whoever looks first.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(self.pid, self.pid)
        self._boot_timer = self._reactor.callLater(
            self._boot_timeout,
            self.kill,
            f"not ready within {self._boot_timeout:g} s",
        )

    def is_ready(self) -> None:
        """The child said that it can take jobs."""
        self._cancel_boot_timer()
        self.note_ready()
        self._changed(self)

    def perform(self, oids: list[bytes]) -> None:
        """Give it jobs."""
        self.note_given(oids)
        self._connector.amp.callRemote(commands.Perform, oids=oids)

    def jobs_ended(self, oids: list[bytes], ending: Ending, seconds: float, detail: str) -> None:
        """The child said that it is done with jobs; ``seconds``: how long each took."""
        for oid in oids:
            self.note_ended(oid, ending, seconds, detail)
        self.drain(1, 2)  # all that the jobs have printed is on its way already
        for oid in oids:
            self.lines.job_ended(hex_oid(oid))
        self._changed(self)

    def take_back(self) -> Deferred[list[bytes]]:
        """Ask for the jobs it has not begun; fires with their oids."""
        self.taking_back = True

        def answered(answer: dict[str, Any]) -> list[bytes]:
            self.taking_back = False
            oids: list[bytes] = answer["oids"]
            self.note_returned(oids)
            return oids

        asked: Deferred[Any] = self._connector.amp.callRemote(commands.TakeBack)
        return asked.addCallback(answered)

    def finish(self) -> None:
        """Let it end after the job it is at."""
        if self.state == "booting":
            self.kill("not needed any more")
        elif self.state in ("idle", "busy"):
            self.move_to("stopping")
            asked: Deferred[Any] = self._connector.amp.callRemote(commands.Finish)
            asked.addCallbacks(self._finishes, _died_meanwhile)

    def _finishes(self, answer: dict[str, Any]) -> None:
        self.note_returned(answer["oids"])
        self.given_back += answer["oids"]
        self._changed(self)

    def kill(self, reason: str) -> None:
        """Kill it and whatever it has started, now."""
        if self.state == "gone":
            return
        self._kill_reason = self._kill_reason or reason
        log.warn(
            "child {pid} in slot {slot} is killed: {why}", pid=self.pid, slot=self.slot, why=reason
        )
        if self.state != "stopping":
            self.move_to("stopping")
        self.kill_group()
        with contextlib.suppress(error.ProcessExitedAlready):
            self._connector.transport.signalProcess("KILL")

    def kill_group(self) -> None:
        """Kill the processes that are left in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def drain(self, *fds: int) -> None:
        """Take what is in the pipes now."""
        for fd in fds:
            reader = self._connector.transport.pipes.get(fd)
            if reader is not None:
                for data in _read_rest(reader.fileno()):
                    self._connector.childDataReceived(fd, data)

    def exited(self, reason: Any) -> None:
        """The process is gone."""
        self._cancel_boot_timer()
        self.move_to("gone")
        self.lines.flush()
        self._gone(self, self._death(reason.value))

    def _death(self, status: Any) -> Death:
        number = getattr(status, "signal", None)
        return Death(
            pid=self.pid,
            exit_code=None if number else getattr(status, "exitCode", 0),
            signal=signal.Signals(number).name if number else None,
            reason=self._kill_reason,
            output=self.lines.last(),
        )

    def _cancel_boot_timer(self) -> None:
        if self._boot_timer is not None and self._boot_timer.active():
            self._boot_timer.cancel()


def _died_meanwhile(failure: Failure) -> None:
    """It ended before it could answer: what it had is recovered for its death."""
    failure.trap(
        error.ConnectionDone, error.ConnectionLost, error.ProcessDone, error.ProcessTerminated
    )


def _read_rest(fd: int) -> Iterator[bytes]:
    """What a non-blocking pipe holds; no more, though somebody may go on writing to it."""
    for _ in range(PIPE_LIMIT_BYTES // READ_BYTES):
        try:
            data = os.read(fd, READ_BYTES)
        except OSError:  # empty (it would block), or broken
            return
        if not data:
            return
        yield data
