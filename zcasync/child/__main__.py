"""The child process: ``python -m zcasync.child SPEC``, started by a supervisor only."""

from __future__ import annotations

import signal
import sys
from typing import Any

from twisted.internet import stdio

from zcasync import clock
from zcasync.child.descriptors import move
from zcasync.child.streams import Streams
from zcasync.database.errors import say_it_once
from zcasync.protocol import lifeline
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.output_marks import new_mark
from zcasync.registry import configure
from zcasync.versions import why_unsupported

TO_CHILD_FD = 3
FROM_CHILD_FD = 4
LIFELINE_FD = 5


def main() -> None:
    """Boot, then perform jobs until the supervisor asks the child to end, or is gone."""
    spec = ChildSpec.from_text(sys.argv[1])
    lifeline.own_group()
    streams = Streams(new_mark())
    # Inherited: whoever dies first, the pipe then kills those that are left of the group.
    pipe = move(LIFELINE_FD, inherited=True)
    lifeline.leave_with_parent(spec.parent, pipe, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the supervisor
    streams.report_crashes()
    unsupported = why_unsupported()
    if unsupported is not None:
        sys.exit(unsupported)
    say_it_once()
    configure()  # a job's module that registers its own adapters is imported later, and wins

    from twisted.internet import reactor

    running: Any = reactor
    clock.steady(running)
    connect: Any = stdio.StandardIO

    from zcasync.child.amp import ChildProtocol
    from zcasync.child.process import JobProcess

    process = JobProcess(running, streams, pipe)
    protocol = ChildProtocol(running, spec, process)
    connect(protocol, move(TO_CHILD_FD), move(FROM_CHILD_FD))
    try:
        running.run(installSignalHandlers=False)
    finally:
        protocol.end_without_reactor()


if __name__ == "__main__":
    main()
