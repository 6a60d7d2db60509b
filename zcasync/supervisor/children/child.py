"""One child process as the supervisor sees it: its state, its jobs, its output, its death."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.perform.notices import Notice
from zcasync.protocol import commands
from zcasync.protocol.left_threads import LeftThread, named
from zcasync.protocol.outcomes import Ending
from zcasync.protocol.output_marks import STACK_SIGNAL
from zcasync.protocol.waits import Wait
from zcasync.supervisor.children.end import death_of, gone_meanwhile
from zcasync.supervisor.children.oom import expose
from zcasync.supervisor.children.output import ChildOutput
from zcasync.supervisor.children.process_protocol import Connector
from zcasync.supervisor.children.state import NO_SLOT, WORKING, ChildState, State
from zcasync.supervisor.children.time_limit import LimitedCall, TimeLimit
from zcasync.supervisor.children.timers import cancel
from zcasync.text import megabytes

log = Logger()

#: How long a child that is to be killed may take to print its Python stack: it does not have to
#: hold the interpreter for that, but the machine may be busy.
STACK_SECONDS = 2.0
#: The same where a stop is to end in time.
LAST_STACK_SECONDS = 0.5
#: How long a process may go on that has closed its end of the conversation.
HUNG_UP_SECONDS = 5.0
#: Why a child is killed that boots when it should end.
NOT_NEEDED = "not needed any more"


class Child(ChildState):
    """A child process in a slot, or the spare one.

    ``changed(child)`` is called when it is ready or has ended a job, ``gone(child, death)`` once
    when the process is gone; ``oom_killed()`` returns whether the kernel has just killed a process
    for want of memory.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        slot: int,
        *,
        boot_timeout: float,
        output_lines: int,
        oom_killed: Callable[[], bool],
        changed: Callable[[Child], None],
        gone: Callable[[Child, Death], None],
        role: str = "",
        generation: int = 0,
    ) -> None:
        super().__init__(reactor, slot, role, generation)
        self._output = ChildOutput("spare" if slot == NO_SLOT else slot, output_lines, self.job_id)
        self.time_limit = TimeLimit(reactor, lambda: self.drain(1), self._has_overrun)
        self._output.limit_marked = self.time_limit.marked
        self._oom_killed = oom_killed
        self._changed = changed
        self._gone = gone
        self._kill_reason: str | None = None
        self._stack_timer: IDelayedCall | None = None
        self._boot_timeout = boot_timeout
        self._boot_timer: IDelayedCall | None = None
        self._deaf_timer: IDelayedCall | None = None
        self._connector = Connector(reactor, self)

    def start(self, starter: Any, spec_text: str) -> None:
        """Start the process.  Raises OSError when it cannot be started."""
        starter.startAMPProcess("zcasync.child", self._connector, (spec_text,))
        self.note_started(self._connector.transport.pid)
        expose(self.pid)
        # Both sides do this, so that the group exists whichever of them is first.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(self.pid, self.pid)
        self._boot_timer = self._reactor.callLater(
            self._boot_timeout,
            self.kill,
            f"not ready within {self._boot_timeout:g} s",
        )

    def take_slot(self, slot: int) -> None:
        """Replace the child of a slot, having been the spare."""
        super().take_slot(slot)
        self._output.slot = slot

    def perform(self, oids: list[bytes], tid: bytes | None = None) -> None:
        """Assign jobs to it; none when its process is ending, whose death releases them.

        ``tid``: the transaction that claimed them.
        """
        if not self._connector.can_write:
            return
        self.note_given(oids)
        self._connector.amp.callRemote(commands.Perform, oids=oids, tid=tid)

    def reorder(self, oids: list[bytes]) -> None:
        """Let it perform in this order what it has not begun; known to be so when it answers."""
        if self._connector.can_write:
            asked = frozenset(self.outstanding)
            sent: Deferred[Any] = self._connector.amp.callRemote(commands.Reorder, oids=oids)
            sent.addCallbacks(lambda now: self.note_order(asked, now["oids"]), gone_meanwhile)

    def check(self, oids: list[bytes], tid: bytes | None = None) -> None:
        """Let it load, as a trial, what these jobs need; they end when it has."""
        if self._connector.can_write:
            self.note_given(oids)
            self._connector.amp.callRemote(commands.Check, oids=oids, tid=tid)

    def try_value(self, oid: bytes, data: bytes, references: list[bytes]) -> None:
        """Let it load, as a trial, a result of a job; see the command TryValue."""
        if not self._connector.can_write:
            return
        self.note_given([oid])
        for message in commands.value_parts(oid, data, references):
            self._connector.amp.callRemote(commands.TryValue, **message)

    def take_back(self) -> Deferred[list[bytes]]:
        """Ask for the jobs that it has not begun; fires with their oids."""
        self.note_taking_back()

        def answered(answer: dict[str, Any]) -> list[bytes]:
            oids: list[bytes] = answer["oids"]
            self.note_taken_back(oids)
            return oids

        asked: Deferred[Any] = self._connector.amp.callRemote(commands.TakeBack)
        return asked.addCallback(answered)

    def finish(self) -> None:
        """Let it end after the running job."""
        self.note_unwanted()
        if self.state == State.BOOTING:  # it would read a command only when it has booted
            log.info("child {pid} ({place}) is not needed any more", pid=self.pid, place=self.place)
            self._kill_reason = NOT_NEEDED
            self.move_to(State.STOPPING)
            self._kill_now()
        elif self.state in (*WORKING, State.SPARE):
            self.move_to(State.STOPPING)
            asked: Deferred[Any] = self._connector.amp.callRemote(commands.Finish)
            asked.addCallbacks(self._finishes, gone_meanwhile)

    def _finishes(self, answer: dict[str, Any]) -> None:
        self.note_given_back(answer["oids"])
        self._changed(self)

    def kill(self, reason: str, *, within: float = STACK_SECONDS) -> None:
        """Kill it and all processes that it has started.

        One that boots or has a job is asked for its Python stack first, for the evidence: that
        takes milliseconds, and ``within`` seconds at most.  0: it is not asked.
        """
        if self.state == State.GONE:
            return
        holding = named(self.threads, daemons=False)
        if holding and self._kill_reason is None:
            reason = f"{reason}; its jobs have left {holding}"
        is_first, self._kill_reason = self._kill_reason is None, self._kill_reason or reason
        if is_first:
            log.warn(
                "child {pid} ({place}) is killed: {why}", pid=self.pid, place=self.place, why=reason
            )
        has_stack = bool(self.outstanding) or not self.was_ready or self.should_be_gone
        if self.state != State.STOPPING:
            self.move_to(State.STOPPING)
        if is_first and has_stack and within:
            self._ask_for_stack(within)
        elif not within or self._stack_timer is None:
            self._kill_now()
        elif self._stack_timer.active():
            left = self._stack_timer.getTime() - self._reactor.seconds()
            self._stack_timer.reset(min(left, within))

    def _has_overrun(self, call: LimitedCall) -> None:
        """Kill it for a call that has passed its hard limit, at the cost of that job alone."""
        oid = next((one for one in self.outstanding if hex_oid(one) == call.job), None)
        if oid is not None and self._kill_reason is None:
            self.note_retired(oid)
            self.time_limit.killed_for = call
            self.kill(f"its job {call.job} ran past its hard_limit: {call.limits.text}")

    def _ask_for_stack(self, seconds: float) -> None:
        self._stack_timer = self._reactor.callLater(seconds, self._kill_now)
        self._output.expect_stack(self._kill_now)
        with contextlib.suppress(error.ProcessExitedAlready):
            self._connector.transport.signalProcess(STACK_SIGNAL)

    def _kill_now(self) -> None:
        cancel(self._stack_timer)
        self.kill_group()
        with contextlib.suppress(error.ProcessExitedAlready):
            self._connector.transport.signalProcess("KILL")

    def kill_group(self) -> None:
        """Kill the processes that are left in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    # what the ends of its pipes report

    def is_ready(self, mark: str) -> None:
        """Note that it can take jobs, and with which mark it will name them in its output."""
        self._output.mark = mark.encode()
        cancel(self._boot_timer)
        self.note_ready()
        self._changed(self)

    def jobs_ended(self, oids: list[bytes], ending: Ending, seconds: float, detail: str) -> None:
        """Note that jobs have ended or wait for a Deferred; ``seconds``: the time of each."""
        for oid in oids:
            self.note_ended(oid, ending, seconds, detail)
        self.drain(1, 2)  # all that the jobs have printed is on its way already
        for oid in oids:
            self._output.job_ended(hex_oid(oid))
        if ending == Ending.SPENT:
            self.finish()
        self._changed(self)

    def was_told(self, notice: Notice) -> None:
        """Note that a call has failed; its job's end, or the next callback, follows."""
        self.note_told(notice)
        self._changed(self)

    def waits_for_storage(self, wait: Wait | None) -> None:
        """Note that it waits for its storage; None: it does so no more."""
        self.note_wait(wait)
        self._changed(self)

    def is_leaving(self, threads: list[LeftThread]) -> None:
        """Note that it is about to end, and which threads its jobs have left."""
        self.note_leaving(threads)
        for which in filter(None, (named(threads, daemons=one) for one in (False, True))):
            log.info("child {pid} ends; its jobs have left {which}", pid=self.pid, which=which)

    def output_received(self, fd: int, data: bytes) -> bool:
        """Take what it has written to its stdout (1) or stderr (2); whether that is too much."""
        return self._output.received(fd, data)

    def has_hung_up(self) -> None:
        """Note that it has closed its end of the conversation: it is ending, or of no more use."""
        if self.state != State.GONE and not self.is_unwanted:
            self._deaf_timer = self._reactor.callLater(
                HUNG_UP_SECONDS,
                self.kill,
                "it has closed its pipe to the supervisor: has a job closed files not its own?",
            )

    def drain(self, *fds: int) -> None:
        """Take what is in the pipes now."""
        for fd in fds:
            self._connector.drain(fd)

    def exited(self, reason: Any) -> None:
        """Note that the process is gone."""
        job = self.job_id()
        self._output.flush()
        self.time_limit.stop()
        for timer in (self._boot_timer, self._deaf_timer, self._stack_timer):
            cancel(timer)
        self.move_to(State.GONE)
        self._gone(self, self._death(reason.value, job))

    def job_id(self) -> str | None:
        """Return the id of the running job.

        Of jobs that share a commit, and those whose Deferred has fired, the child reports each; of
        others the first one runs.
        """
        if self.culprit is not None:
            return hex_oid(self.culprit)
        reported = self._output.job
        assigned = [hex_oid(oid) for oid in (*self.outstanding, *self.deferred)]
        return reported if reported in assigned else super().job_id()

    def _death(self, status: Any, job: str | None) -> Death:
        reason = self._kill_reason
        if (
            reason is None
            and getattr(status, "signal", None) == signal.SIGKILL
            and self._oom_killed()
        ):
            took = f", which took {megabytes(self.rss)} when last looked at" if self.rss else ""
            reason = f"out of memory: the kernel killed it{took}"
        death = death_of(self.pid, status, job, reason, self._output)
        limits = self.time_limit.ladder(death.output)
        return replace(death, at_stake=self.at_stake, limits=limits)
