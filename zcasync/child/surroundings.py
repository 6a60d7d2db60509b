"""The surroundings that a child puts back after each job: all, as no other threads are at work."""

from __future__ import annotations

import faulthandler

from zcasync.child import crash_reports
from zcasync.perform.surroundings import OF_PROCESS, OF_THREAD, Surrounding


def _put_back_crash_reports(_: object) -> None:
    crash_reports.enable()
    faulthandler.cancel_dump_traceback_later()  # it could end the process in the middle of a job


OF_CHILD = (
    *OF_THREAD,
    *OF_PROCESS,
    Surrounding("crash reports", lambda: None, _put_back_crash_reports),
)
