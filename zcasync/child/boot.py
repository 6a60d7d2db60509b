"""The boot of a child that is on its lifeline: what it needs for jobs, and its reactor."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import stdio

from zcasync import clock
from zcasync.child.descriptors import move
from zcasync.child.streams import Streams
from zcasync.database.errors import say_it_once
from zcasync.protocol.child_spec import ChildSpec
from zcasync.registry import configure
from zcasync.versions import why_unsupported

TO_CHILD_FD = 3
FROM_CHILD_FD = 4


def boot(spec: ChildSpec, streams: Streams, lifeline: int) -> None:
    """Perform jobs until the supervisor asks the child to end; ``lifeline``: a descriptor."""
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

    process = JobProcess(running, streams, lifeline)
    protocol = ChildProtocol(running, spec, process)
    connect(protocol, move(TO_CHILD_FD), move(FROM_CHILD_FD))
    try:
        running.run(installSignalHandlers=False)
    finally:
        protocol.end_without_reactor()
