"""The surroundings that a child puts back after each job: all, as no other threads are at work."""

from __future__ import annotations

import faulthandler

from zcasync.child.streams import Streams
from zcasync.perform.surroundings import OF_PROCESS, OF_THREAD, Surrounding


def of_child(streams: Streams) -> tuple[Surrounding, ...]:
    """Return what is put back in a child with these streams."""

    def put_back_crash_reports(_: object) -> None:
        streams.report_crashes(anew=False)
        faulthandler.cancel_dump_traceback_later()  # it could end the process in another job

    return (
        *OF_THREAD,
        *OF_PROCESS,
        Surrounding("streams", lambda: None, lambda _: streams.restore()),
        Surrounding("crash reports", lambda: None, put_back_crash_reports),
    )
