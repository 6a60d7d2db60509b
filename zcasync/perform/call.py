"""Call: one attempt at the call, its result, and the commit of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.python.failure import Failure
from zope.event import notify

from zcasync.database.errors import NOT_COMMITTED, is_given_up
from zcasync.database.waiting import is_back_at_once
from zcasync.errors import AbortedError, FencedError, MissingCode
from zcasync.events import is_heard
from zcasync.interfaces import IJobStartedEvent, JobStarted
from zcasync.job.arguments import all_arguments, load_call
from zcasync.job.callbacks import Delegate
from zcasync.job.completion import is_done
from zcasync.job.record import PartialRecord
from zcasync.perform.at_work import AtWork, Stop
from zcasync.perform.attribution import JobLabel, forget_kept, keep_commits, label_of
from zcasync.perform.commits import Commits
from zcasync.perform.missing import NotLoaded, refusal_for
from zcasync.perform.noted import Noted
from zcasync.perform.notices import tell_start
from zcasync.perform.progress import heard, keep_last, running
from zcasync.perform.result import accept, fired, is_deferred
from zcasync.perform.run import Host, Run
from zcasync.perform.scope import Scope
from zcasync.perform.time_limit import running_clock
from zcasync.perform.transactions import Transactions, manager_of
from zcasync.retry.fault import Fault, Raised, Repeat, Stopped
from zcasync.workers.fence import storage_fence
from zcasync.zeo.labels import Label, labelled
from zcasync.zeo.manager_state import ManagerState
from zcasync.zeo.storage_errors import mark
from zcasync.zeo.storage_fence import acting_for

#: Exceptions that end a process or its thread, and not the job.
NOT_OF_THE_JOB = (KeyboardInterrupt, GeneratorExit)


def call(run: Run) -> tuple[Run, Fault | Delegate | None]:
    """Make the call and commit its result; return the run, and the fault where that failed.

    For a call that asks for a partial to be performed first, return that; it is to be made again
    then.  The run has the partial in the connection that is used from then on, and its Deferred
    where that is held; it is closed where a detached call has not ended by this.  Raises
    FencedError when this process may not commit any more.
    """
    if run.refusal is not None:
        return run, run.refusal
    state = ManagerState(manager_of(run.partial))
    try:
        return _call_detached(run) if run.partial.is_detached else _call(run, state)
    finally:
        state.put_back()


def _call(run: Run, state: ManagerState) -> tuple[Run, Fault | Delegate | None]:
    transactions = Transactions(run.partial)
    noted = deferred = None
    try:
        label = label_for(run)
        with Scope() as scope, run.host.timed():
            run, deferred = attempt(run, state, scope, label)
            if isinstance(deferred, Delegate):
                return run, deferred
            noted = Noted.of(run.partial)
            transactions.commit(label)
    except NotLoaded as found:
        transactions.abort()
        return run, refusal_for(run.partial, found.error, run.host)
    except Stop as error:
        transactions.abort(error)
        state.put_back()
        return run.sound(), Stopped()
    except (FencedError, *NOT_OF_THE_JOB) as error:
        transactions.abort(error)
        raise
    except BaseException as error:  # SystemExit too: what ends a job becomes its result
        mark(error, run.partial._p_jar)
        transactions.abort(error)
        given_up = is_given_up(error) and _is_back_at_once(run)
        fault = Raised(Failure(error), at_commit=noted is not None, is_given_up=given_up)
        state.put_back()
        return replace(run, noted=noted, deferred=deferred).sound(), fault
    return _held(run, deferred), None


def _is_back_at_once(run: Run) -> bool:
    jar = run.partial._p_jar
    return jar is not None and is_back_at_once(jar.db(), run.host.timing.sleep)


def label_for(run: Run) -> JobLabel | None:
    """Return the label of the commits of a run's present attempt."""
    assert run.attempts is not None
    forget_kept(run.partial)
    return label_of(run.partial, run.attempts.count)


def attempt(run: Run, state: ManagerState, scope: Scope, label: Label | None) -> tuple[Run, Any]:
    """Make the call and set the result, but commit nothing.

    ``label``: of what the call itself commits.
    Return the run, whose partial is in another connection where the call has closed its own, and a
    Deferred that has not fired, a Delegate whose partial is to be performed first, or None.  The
    mode of transactions, which is of ``state``, is put back.  What the application has around the
    call is entered in ``scope``.  Raises what the call raises; NotLoaded where its code is missing.
    """
    partial = run.partial
    try:
        callable_ = load_call(partial)
    except MissingCode as error:
        raise NotLoaded(error) from error
    args, kwargs = all_arguments(partial, run.args, run.kwargs)
    fence = storage_fence(partial._p_jar)
    own = AtWork(run, label, fence)
    with running(partial), labelled(label, is_on_the_way=True), acting_for(fence), own:
        callable_, args, kwargs = scope.enter(
            partial, run.host.around(partial), (callable_, args, kwargs)
        )
        if is_heard(IJobStartedEvent):
            assert run.attempts is not None
            notify(JobStarted(partial, run.attempts.count))
        value = bounded(run.host, run.host.invoke(callable_, *args, **kwargs))
    state.put_back_mode()
    run.host.require_usable(partial)
    if isinstance(value, Delegate):
        if run.performed is not value.partial and not is_done(value.partial):
            return run, value
        value = value.partial
    run = run.sound()
    partial = run.partial
    run.require_ours()  # the call may have begun another transaction
    partial.start()
    assert run.attempts is not None
    run.attempts.record(partial)
    keep_last(partial)
    keep_commits(partial)
    if is_deferred(value):
        if _is_to_be_held(run, value):
            return run, value
        value = _outcome(run.host, value)
    accept(partial, scope.take(partial, value))
    return run, None


def _call_detached(run: Run) -> tuple[Run, Fault | None]:
    """Make a call without a connection, whose start is committed, and commit the result."""
    callable_ = load_call(run.partial)
    args, kwargs = all_arguments(run.partial, run.args, run.kwargs)
    fence, oid = storage_fence(run.partial._p_jar), run.partial._p_oid
    label = label_for(run)
    own = AtWork(run, label, fence)
    assert run.attempts is not None
    tell_start(run.partial, run.attempts.count)
    attach = run.host.detach(run.partial)
    is_held = False
    try:
        on_the_way = labelled(label, is_on_the_way=True)
        with run.host.timed(), heard(oid), on_the_way, acting_for(fence), own:
            value = bounded(run.host, run.host.invoke(callable_, *args, **kwargs))
        if is_deferred(value):
            is_held = _is_to_be_held(run, value)
            value = value if is_held else _outcome(run.host, value)
    except NOT_OF_THE_JOB:
        raise
    except BaseException as error:  # SystemExit too: what ends a job becomes its result
        fault = Raised(Failure(error), repeat=Repeat.IN_THE_QUEUE)
        return _attached(run, attach), fault
    run = _attached(run, attach)
    if is_held:
        return _held(run, value), None
    has_ended = Commits(run.host.storage_lost).settle(run.partial, value)
    return run if has_ended else run.closed(), None


def bounded(host: Host, value: Any) -> Any:
    """Return what a call has returned; of a Deferred, where it has limits, one that keeps them."""
    if not is_deferred(value) or (value.called and not value.paused):
        return value
    ticking = running_clock()
    return value if ticking is None else host.bound(value, ticking)


def _held(run: Run, deferred: Any) -> Run:
    """Return the run with its Deferred, if any, whose start is committed and which is held."""
    run = replace(run, deferred=deferred)
    run.hold()
    return run


def _attached(run: Run, attach: Callable[[], PartialRecord]) -> Run:
    """Return the run in a connection again.  Waits for the storage: the call is not repeated."""
    while True:
        try:
            return replace(run, partial=attach())
        except NOT_COMMITTED as error:
            run.host.storage_lost(error)


def _is_to_be_held(run: Run, deferred: Any) -> bool:
    is_open = not deferred.called or deferred.paused
    return is_open and run.host.hold is not None and run.partial.parent is None


def _outcome(host: Host, deferred: Any) -> Any:
    """Return what a Deferred fires with; raise it when it is a Failure."""
    value = fired(deferred) if deferred.called and not deferred.paused else host.wait(deferred)
    if isinstance(value, Failure):
        if value.check(*NOT_OF_THE_JOB):  # as a value it interrupts no process
            raise AbortedError(
                f"the Deferred fired with a {type(value.value).__name__}"
            ) from value.value
        value.raiseException()
    return value
