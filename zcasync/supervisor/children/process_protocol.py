"""The supervisor's ends of the pipes to one child: the conversation, the output, the exit."""

from __future__ import annotations

from typing import Any

from ampoule.main import FROM_CHILD, TO_CHILD, AMPConnector
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from zcasync.job.conflict_counts import from_rows
from zcasync.perform.notices import Notice
from zcasync.perform.progress import Progress
from zcasync.protocol import commands
from zcasync.protocol.left_threads import LeftThread
from zcasync.protocol.outcomes import Completion, Ending
from zcasync.protocol.waits import Wait
from zcasync.supervisor.children.interfaces import IChildProcess
from zcasync.supervisor.children.output_pauses import READ_BYTES, OutputPauses, read_some

#: No pipe holds more, unless root has changed the kernel's limit.
PIPE_LIMIT_BYTES = 1024 * 1024


class ParentEnd(amp.AMP):  # type: ignore[misc]
    """The supervisor's end of the conversation with one child."""

    def __init__(self, child: IChildProcess) -> None:
        super().__init__()
        self._child = child

    @commands.Ready.responder
    def ready(self, pid: int, versions: dict[str, str], mark: str) -> dict[str, Any]:
        """Pass on that the child can take jobs."""
        self._child.is_ready(mark)
        return {}

    @commands.Ended.responder
    def ended(
        self,
        oids: list[bytes],
        ending: str,
        microseconds: int,
        detail: str,
        completions: list[Completion],
        conflicts: list[list[Any]] | None = None,
    ) -> dict[str, Any]:
        """Pass on that jobs have ended, which of them are completed, and what they met."""
        self._child.conflicts.merge(from_rows(conflicts or ()))
        self._child.note_completed(oids, completions)
        self._child.jobs_ended(oids, Ending(ending), microseconds / 1e6, detail)
        return {}

    @commands.Report.responder
    def report(self, progress: dict[str, Any]) -> dict[str, Any]:
        """Pass on the progress of the running job."""
        self._child.note_progress(Progress.from_dict(progress))
        return {}

    @commands.Told.responder
    def told(self, notice: dict[str, Any]) -> dict[str, Any]:
        """Pass on that a call has failed."""
        self._child.was_told(Notice.from_dict(notice))
        return {}

    @commands.Waits.responder
    def waits(self, wait: dict[str, Any] | None) -> dict[str, Any]:
        """Pass on that the child waits for its storage, or does so no more."""
        self._child.waits_for_storage(None if wait is None else Wait.from_dict(wait))
        return {}

    @commands.Leaves.responder
    def leaves(self, threads: list[dict[str, Any]]) -> dict[str, Any]:
        """Pass on that the child is about to end, and which threads its jobs have left."""
        self._child.is_leaving([LeftThread.from_dict(one) for one in threads])
        return {}


class Connector(AMPConnector):  # type: ignore[misc]
    """The pipes to one child.

    Death is decided by ``processExited``: a grandchild that holds a pipe cannot hide it.
    """

    def __init__(self, reactor: IReactorTime, child: IChildProcess) -> None:
        super().__init__(ParentEnd(child), name=f"child {child.slot}")
        self._child = child
        self._pauses = OutputPauses(reactor, self._reader, self.childDataReceived)

    def connectionMade(self) -> None:
        self.amp.makeConnection(self)

    @property
    def can_write(self) -> bool:
        """True while its pipe is open: a process that ends closes it before its end is known."""
        return TO_CHILD in self.transport.pipes

    def write(self, data: bytes) -> None:
        """Write to the child; drop the data when its pipe is closed."""
        if self.can_write:
            super().write(data)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == FROM_CHILD:
            self.amp.dataReceived(data)
        elif self._child.output_received(childFD, data):
            self._pauses.begin(childFD)

    def _reader(self, fd: int) -> Any:
        return self.transport.pipes.get(fd)

    def drain(self, fd: int) -> None:
        """Take what is in a pipe now; no more, though a process may go on writing to it."""
        reader = self._reader(fd)
        if reader is None:
            return
        for _ in range(PIPE_LIMIT_BYTES // READ_BYTES):
            data = read_some(reader)
            if not data:
                return
            self.childDataReceived(fd, data)

    def childConnectionLost(self, childFD: int) -> None:
        if childFD == FROM_CHILD:
            self._child.has_hung_up()

    def processExited(self, reason: Any) -> None:
        # Killed before the pipes close: what a job started must neither live on nor hold them.
        self._child.kill_group()
        self._child.drain(FROM_CHILD, 1, 2)
        self._pauses.end()
        for fd in list(self.transport.pipes):
            self.transport.closeChildFD(fd)
        self._child.exited(reason)

    def processEnded(self, status: Any) -> None:
        self.amp.connectionLost(status)
        self.finished.callback(None)
