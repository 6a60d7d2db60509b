"""The child process: ``python -m zcasync.child SPEC``, started by a supervisor only."""

from __future__ import annotations

import signal
import sys
from typing import Any

from twisted.internet import stdio

from zcasync import clock
from zcasync.child import crash_reports, output
from zcasync.database.errors import say_it_once
from zcasync.protocol import lifeline
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.output_marks import new_mark
from zcasync.registry import configure

TO_CHILD_FD = 3
FROM_CHILD_FD = 4
LIFELINE_FD = 5


def main() -> None:
    """Boot, then perform jobs until the supervisor asks the child to end, or is gone."""
    spec = ChildSpec.from_text(sys.argv[1])
    lifeline.own_group()
    lifeline.leave_with_parent(spec.parent, LIFELINE_FD, signal.SIGKILL)
    crash_reports.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the supervisor
    mark = new_mark()
    streams = output.install(mark)
    say_it_once()
    configure()  # a job's module that registers its own adapters is imported later, and wins

    from twisted.internet import reactor

    running: Any = reactor
    clock.steady(running)
    connect: Any = stdio.StandardIO

    from zcasync.child.amp import ChildProtocol

    connect(ChildProtocol(running, spec, streams, mark), TO_CHILD_FD, FROM_CHILD_FD)
    running.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
