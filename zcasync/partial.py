"""Partial: a call that can be stored, put in a queue, called, and given callbacks.

The public face of :class:`zcasync.job.record.PartialRecord`, above the code that performs it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from twisted.python.failure import Failure
from zope.interface import implementer, provider

from zcasync import clock
from zcasync.errors import AbortedError, BadStateError
from zcasync.interfaces import (
    COMPLETED,
    PENDING,
    IDataManagerPartial,
    IPartialFactory,
)
from zcasync.job.again import require_over
from zcasync.job.arguments import result_for
from zcasync.job.callbacks import adopt, choose
from zcasync.job.failure import from_exception, sanitize
from zcasync.job.ids import id_of
from zcasync.job.placement import keep, require_placed
from zcasync.job.record import PartialRecord
from zcasync.job.remembered import remember_callback
from zcasync.job.secret import hide, require_arguments, secret_of
from zcasync.job.time_limits import span_of
from zcasync.job.views import Annotations, Args, Kwargs, UUIDSet
from zcasync.job.waiting import require_later
from zcasync.perform import direct
from zcasync.perform.progress import current
from zcasync.perform.time_limit import running_clock
from zcasync.results.raised import raise_failure
from zcasync.results.wait import has_result, is_completed, wait
from zcasync.retry.policy import require_policy, stored_name, use_policy


class RetryPolicyName:
    """The attribute ``retry_policy`` of a partial."""

    def __get__(self, partial: Partial | None, owner: Any = None) -> Any:
        return self if partial is None else partial.policy_name

    def __set__(self, partial: Partial, value: Any) -> None:
        partial.require_pending("retry_policy")
        name = stored_name(value)
        require_policy(partial, name)
        use_policy(partial, name)


class SecretArguments:
    """The attribute ``secret`` of a partial."""

    def __get__(self, partial: Partial | None, owner: Any = None) -> Any:
        return self if partial is None else partial.secret_arguments

    def __set__(self, partial: Partial, value: Any) -> None:
        partial.require_pending("secret")
        secret = secret_of(value)
        require_arguments(partial, secret)
        hide(partial, secret)


@provider(IPartialFactory)
@implementer(IDataManagerPartial)
class Partial(PartialRecord):
    """See :class:`zcasync.interfaces.IDataManagerPartial`."""

    retry_policy = RetryPolicyName()
    secret = SecretArguments()

    @property
    def id(self) -> str | None:
        """The id, as commands and logs have it; None before the put."""
        return None if self._p_oid is None else id_of(self)

    @property
    def cancelled(self) -> bool:
        ticking = running_clock() if current() is self else None
        return ticking is not None and ticking.is_cancelled

    @property
    def deadline(self) -> datetime | None:
        ticking = running_clock() if current() is self else None
        moment = None if ticking is None else ticking.deadline
        return None if moment is None else clock.nearest_datetime(moment)

    @property
    def soft_limit(self) -> timedelta | None:
        return span_of(self.time_limits.soft)

    @property
    def hard_limit(self) -> timedelta | None:
        return span_of(self.time_limits.hard)

    @property
    def args(self) -> Args:
        return Args(self)

    @property
    def kwargs(self) -> Kwargs:
        return Kwargs(self)

    @property
    def annotations(self) -> Annotations:
        return Annotations(self)

    @property
    def selectedUUIDs(self) -> UUIDSet:
        return UUIDSet(self, "_selected")

    @property
    def excludedUUIDs(self) -> UUIDSet:
        return UUIDSet(self, "_excluded")

    def addCallbacks(
        self,
        success: Callable[..., Any] | None = None,
        failure: Callable[..., Any] | None = None,
        retry: Any = None,
    ) -> Partial:
        return self.addCallback(choice(success, failure, retry))

    def addCallback(self, callback: Callable[..., Any], retry: Any = None) -> Partial:
        return attach_callback(self, as_partial(callback), retry)

    def wait(self, timeout: float | None = None) -> None:
        """Return when the partial is COMPLETED.  Raises TimeoutError, BadStateError."""
        wait(self, is_completed, timeout)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result when it is there, or raise what the call raised.  Raises as wait."""
        wait(self, has_result, timeout)
        result = self.result
        if isinstance(result, Failure):
            raise_failure(result)
        return result

    def resumeCallbacks(self) -> None:
        if not self.has_result:
            raise BadStateError(f"cannot resume the callbacks of a partial that is {self.state}")
        direct.run_callbacks(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.state != PENDING:
            raise BadStateError(f"a partial is called once; this one is {self.state}")
        if self.queue is not None:
            raise BadStateError("this partial was put in a queue: a worker will call it")
        direct.perform(self, args, kwargs)
        return self.result

    def fail(self, e: BaseException | Failure | None = None) -> Any:
        if self.has_result:
            raise BadStateError(f"cannot fail a partial that is {self.state}")
        if e is None:
            e = AbortedError("the partial was made to fail")
        direct.finish(self, sanitize(e) if isinstance(e, Failure) else from_exception(e))
        return self.result

    @property
    def retry(self) -> Callable[[], None]:
        return self._run_again

    @retry.setter
    def retry(self, value: Any) -> None:
        # As the argument of a put is called; else it would hide the method, and be stored.
        self.retry_policy = value

    def _run_again(self) -> None:
        require_over(self)
        self.queue.put_again([self])

    def hand_result_to(self, waiting: PartialRecord) -> None:
        self.addCallback(Partial(adopt, waiting, self))


def as_partial(call: Any) -> Partial:
    """Return ``call`` itself when it is a Partial, else a Partial of it.  Raises BadCallable."""
    return call if isinstance(call, Partial) else Partial(call)


def choice(success: Any, failure: Any, retry: Any) -> Partial:
    """Return a callback that calls one of the two, each under the retry policy."""
    chosen = [None if call is None else as_partial(call) for call in (success, failure)]
    callback = Partial(choose, *chosen)
    for inner in chosen:
        if inner is not None:
            set_retry(inner, retry)
            inner.become_callback_of(callback)
    return callback


def attach_callback(partial: Partial, callback: Partial, retry: Any) -> Partial:
    """Let ``callback`` be called with the partial's result; return it."""
    remember_callback(callback, partial)
    if partial._p_jar is not None:
        keep(require_placed(callback, partial._p_jar))
    set_retry(callback, retry)
    require_later(callback, partial)
    callback.become_callback_of(partial)
    sidecar = partial.ensure_sidecar()
    sidecar.add_callback(callback)
    if partial._p_jar is not None and callback._p_jar is None:
        # So that its commits are those of our connection, and that objects of another database can
        # refer to it.
        partial._p_jar.add(callback)
    if partial.state == COMPLETED:
        direct.perform(callback, (result_for(callback, partial),))
    elif partial._p_jar is not None and partial._p_oid is not None and not partial._p_changed:
        # The rule for the instant of completion: completing a partial writes its record, so one of
        # two concurrent transactions fails and, when repeated, sees the other one's change.
        partial._p_jar.readCurrent(partial)
    return callback


def set_retry(partial: Partial, retry: Any) -> None:
    """Set a partial's retry policy; None: leave it.  Raises as ``Partial.retry_policy``."""
    if retry is not None:
        partial.retry_policy = retry
