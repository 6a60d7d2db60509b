"""Missing code: what a call needs is not in this process, so that the call has not begun."""

from __future__ import annotations

from zcasync.errors import MissingCode, MissingPolicy, ZCAsyncError
from zcasync.job.aside import Missing
from zcasync.job.record import PartialRecord
from zcasync.perform.run import Host
from zcasync.retry.fault import Absent, Refused


class SetAside(ZCAsyncError):
    """The call has not begun for want of code, and is to wait for that; ``missing``: what it is."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.text)
        self.missing = missing


class NotLoaded(ZCAsyncError):
    """The call of a partial cannot be loaded; ``error`` is why: no error of the call's own."""

    def __init__(self, error: MissingCode) -> None:
        super().__init__(str(error))
        self.error = error


def refusal_for(partial: PartialRecord, error: Exception, host: Host) -> Absent | Refused:
    """Return the refusal of a call that lacks code; it may be set aside where the host does that.

    Else it ends, as it does for code that is there and fails.
    """
    if isinstance(error, MissingCode) and host.sets_aside:
        missing = Missing.of(error, _needed(partial, error))
        if missing is not None:
            return Absent(error, missing)
    return Refused(error)


def _needed(partial: PartialRecord, error: MissingCode) -> str:
    """Return the dotted name of what the partial asks for."""
    if isinstance(error, MissingPolicy):
        return (partial.policy_name or "").replace(":", ".")
    return partial.callable_name
