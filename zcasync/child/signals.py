"""Signals of the child: processes that jobs start with Twisted are reaped, handlers put back.

A handler for SIGCHLD that does nothing but wake the reactor, which asks about the processes that
Twisted has started, and about no others: those are for whoever has started them.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.process import reapAllProcesses
from zope.interface import implementer

from zcasync.child.descriptors import out_of_the_way
from zcasync.protocol.dispositions import nothing_more

#: The signals that applications have handlers for; to ask about all would take longer than a job.
HANDLED = (
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@implementer(IReadDescriptor)
class Signals:
    """The signals of this process; made, and everything called, in its main thread.

    ``reactor`` reads from it.  ``renew()`` sets the handlers of the interpreter's own
    (``faulthandler``) again.
    """

    def __init__(self, reactor: Any, renew: Callable[[], None]) -> None:
        self._renew = renew
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._read, self._write = out_of_the_way(read), out_of_the_way(write)
        signal.signal(signal.SIGCHLD, nothing_more)
        signal.siginterrupt(signal.SIGCHLD, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._handlers = {number: signal.getsignal(number) for number in HANDLED}
        reactor.addReader(self)

    def restore(self) -> None:
        """Put back what a job has changed through the reactor; let no alarm go off later."""
        signal.alarm(0)
        changed = [one for one, old in self._handlers.items() if signal.getsignal(one) != old]
        for number in changed:
            signal.signal(number, self._handlers[number] or signal.SIG_DFL)
        if changed:
            signal.siginterrupt(signal.SIGCHLD, False)
            self._renew()
        if signal.set_wakeup_fd(self._write, warn_on_full_buffer=False) != self._write:
            reapAllProcesses()  # of which nobody has told us

    # what the reactor calls

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def logPrefix(self) -> str:
        """Return the name in Twisted's log."""
        return "signals"

    def doRead(self) -> None:
        """Look after processes that have ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        reapAllProcesses()

    def connectionLost(self, reason: Any) -> None:
        """Do nothing: the reactor ends."""
