"""Begin: whether a partial may be called, and the commit of its start where that comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zcasync import clock
from zcasync.errors import FOREIGN_CODE, MissingCode, MissingPolicy, NotAllowed, UnknownOption
from zcasync.formats import this_version
from zcasync.interfaces import ACTIVE
from zcasync.job.arguments import load_call
from zcasync.job.record import PartialRecord
from zcasync.perform.commits import Commits, Start
from zcasync.perform.missing import refusal_for
from zcasync.perform.run import Host, Run
from zcasync.perform.transactions import Transactions
from zcasync.retry.attempts import Attempts
from zcasync.retry.decision import ask_before_call, can_wait
from zcasync.retry.fault import Refused
from zcasync.retry.policy import policy_of
from zcasync.retry.refusals import begun_before, out_of_time, too_late
from zcasync.retry.stopped import stopped


def begin(partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any], host: Host) -> Run:
    """Return the run of a partial, with a refusal where it may not be called.

    The start of a call that may begin only once, or that is made without a connection, is committed
    before.  The run is closed where another process has ended the partial by then, or an undo has
    taken it away.
    """
    if partial.is_too_late:
        return Run(partial, host, refusal=too_late(partial))
    refusal = stopped(partial)
    if refusal is not None:
        return Run(partial, host, refusal=refusal)
    try:
        _require_known_options(partial)
        policy = policy_of(partial)
        run = Run(partial, host, args, kwargs, Attempts(partial, policy, host.timing))
        if partial.unasked_death is not None and not _may_go_on(run, policy):
            return _ended(run)
        late = out_of_time(partial, policy)
        if late is not None:
            return Run(partial, host, refusal=late)
        if partial.has_begun_once:
            return Run(partial, host, refusal=begun_before(partial))
        if partial.is_detached or policy.at_most_once:
            _require_code(partial)  # what is missing is found out before the start is committed
    except (MissingCode, NotAllowed) as error:
        return Run(partial, host, refusal=refusal_for(partial, error, host))
    assert run.attempts is not None
    run.attempts.begin()
    if not (partial.is_detached or policy.at_most_once):
        return run
    start = Commits(host.storage_lost).begin(run)
    if start == Start.NOT_AGAIN:
        return replace(run, refusal=begun_before(partial))
    return run if start == Start.MADE else run.closed()


def _require_known_options(partial: PartialRecord) -> None:
    """Raise UnknownOption where a call may not begin here as it was put to."""
    name = partial.unknown_control
    if name is not None:
        raise UnknownOption(
            f"its option {name} is of a later version of zcasync than this worker's, "
            f"{this_version()}: update that",
            missing=f"the option {name} of a later zcasync",
        )


def _require_code(partial: PartialRecord) -> None:
    """Raise MissingCode or NotAllowed where the call cannot be loaded for that."""
    try:
        load_call(partial)
    except (MissingCode, NotAllowed):
        raise
    except FOREIGN_CODE:
        if partial.is_detached:
            raise  # nobody would try again
        # Else the attempt raises it again, as an error of the call's own.


def _may_go_on(run: Run, policy: Any) -> bool:
    """Ask the application's own policy about the death before; note that it was asked."""
    again = ask_before_call(run.partial, policy)
    if again is None:
        return False
    commits = Commits(run.host.storage_lost)
    if again.at is not None and again.at > clock.now() and can_wait(run.partial):
        commits.reschedule(run, None, again.at)
        return False
    return commits.go_on(run)


def _ended(run: Run) -> Run:
    partial = run.partial
    if partial.retry_at is not None or partial.has_result or not run.is_ours:
        return run.closed()
    failure = partial.unasked_death
    return Run(partial, run.host, refusal=Refused(failure.value, failure))


def resume(partial: PartialRecord, host: Host) -> Run:
    """Return the run of a partial whose call was made, and whose Deferred has fired.

    The run is closed where another process has ended the partial meanwhile.
    """
    Transactions(partial).begin()
    run = Run(partial, host)
    if partial.state != ACTIVE:
        return run.closed()
    try:
        return replace(run, attempts=Attempts(partial, policy_of(partial), host.timing))
    except MissingPolicy:  # then the call's error ends it
        return run
