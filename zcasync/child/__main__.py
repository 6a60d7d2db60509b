"""The child process: ``python -m zcasync.child SPEC``, started by a supervisor only.

It imports little before it is on its lifeline: a supervisor that is killed leaves at once what it
has just started.
"""

from __future__ import annotations

import signal
import sys

from zcasync.child.descriptors import move
from zcasync.child.streams import Streams
from zcasync.protocol import dispositions, lifeline
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.output_marks import STACK_SIGNAL, new_mark

LIFELINE_FD = 5


def main() -> None:
    """Boot, then perform jobs until the supervisor asks the child to end, or is gone."""
    spec = ChildSpec.from_text(sys.argv[1])
    lifeline.own_group()
    dispositions.leave_to_supervisor(but=(STACK_SIGNAL,))
    # Inherited: whoever dies first, the pipe then kills those that are left of the group.
    pipe = move(LIFELINE_FD, inherited=True)
    lifeline.leave_with_parent(spec.parent, pipe, signal.SIGKILL)
    streams = Streams(new_mark())
    streams.report_crashes()
    dispositions.deliver()

    from zcasync.child.boot import boot

    boot(spec, streams, pipe)


if __name__ == "__main__":
    main()
