"""PartialRecord: the states of one call and every way in which its record changes.

A transition changes the record and nothing else: its caller commits, and keeps queue and claim
lists in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.utils import z64

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.attempt_record import AttemptRecord
from zcasync.job.callback_pages import CallbackList
from zcasync.job.due_fields import TOLERANCE, possible_put
from zcasync.job.failure import StoredFailure
from zcasync.job.field_types import Check, Checked, one_of, optional
from zcasync.unpublished import Unpublished

#: Every way a state may change; anything else is a BadStateError.
TRANSITIONS = {
    PENDING: {ACTIVE, CALLBACKS, COMPLETED},  # claimed or called; failed before it began
    ACTIVE: {PENDING, CALLBACKS, COMPLETED},  # released; ended
    CALLBACKS: {COMPLETED},
    COMPLETED: set(),  # but for renew
}
#: What a call that is run again does not keep of the time before.
OF_ONE_LIFE = (
    "_state", "_result", "_claim", "_resume_at", "_retry_at", "_started", "_ended", "_once",
    "_attempts", "_interruptions", "_conflicts", "_exceptions", "_progress", "_aside",
    "_snoozes", "_first_started", "_unasked_death",
)  # fmt: skip


class Sidecar(CallbackList, Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The callbacks and the annotations of one partial, and the steps of its calls."""

    _field_types: ClassVar[dict[str, Check]] = {
        **CallbackList._field_types,
        "steps": optional(one_of(OOBTree)),
    }

    annotations: Any = None
    steps: Any = None


class PartialRecord(AttemptRecord):
    """A stored call and its transitions; its public face is :class:`zcasync.partial.Partial`."""

    def enter(
        self,
        queue: Any,
        put: int | None,
        due: int | None = None,
        by: int | None = None,
        *,
        batch: bool = False,
        detached: bool = False,
        isolate: bool = False,
        context: dict[str, Any] | None = None,
        controls: Mapping[str, Any] | None = None,
        scheduled: tuple[str, int] | None = None,
    ) -> None:
        """Record that the partial waits in ``queue``.

        ``put``, ``due``: see :mod:`zcasync.job.due_fields`; ``by``: microseconds from then on,
        None: no limit.  ``context``: what the put remembers; ``controls``: see
        :mod:`zcasync.job.control_fields`, None: those that it has; ``scheduled``: the name of the
        schedule that puts it, and the tick (microseconds).
        """
        self._queue = queue
        self._set_times(put, due)
        if by is not None:
            self._by = by
        if batch:
            self._batch = True
        if detached:
            self._detached = True
        if isolate:
            self._isolated = True
        if context:
            self._context = context
        if controls:
            self._controls = dict(controls)
        elif controls is not None and self._controls is not None:
            del self._controls  # those of an earlier put
        if scheduled is not None:
            self._scheduled = scheduled

    def remember_context(self, context: dict[str, Any]) -> None:
        """Remember this context, in place of that of what it is a callback of."""
        self._context = context

    def put_off(self, put: int | None, due: int | None) -> None:
        """Set the times anew of a partial that waits, as a put says them.

        Raises BadStateError unless it is pending.
        """
        self.require_pending("begin_after")
        self._set_times(put, due)

    def settle(self, now: int, ahead: int) -> None:
        """Turn the times of a partial that is read for the first time into the reader's.

        ``now``: by the reader's clock; ``ahead``: how far that of the client is known to be ahead
        of it, microseconds.  Changes nothing where clocks agree.
        """
        assert self._put is not None
        put = possible_put(self._put, now, ahead)
        later = put - self._put
        if abs(later) <= TOLERANCE:
            return
        if self._due is None or self._due <= put <= self._put:
            self._put = put
        elif self._due > self._put:
            self._put, self._due = put, min(self._due + later, clock.LAST)
        else:
            self._put = None  # it was past by the client's clock only

    def name_policy(self, name: str | None, may_begin_once: bool = False) -> None:
        """Set the stored name of the retry policy.  Raises BadStateError unless pending."""
        self.require_pending("retry_policy")
        if name != self._retry:
            self._retry = name
        if may_begin_once != self._may_begin_once:
            self._may_begin_once = may_begin_once

    def leave(self) -> None:
        """Record that the partial waits in no queue any more."""
        self._queue = None

    def forget(self) -> None:
        """Record that the partial is in no queue, and nobody is going to call it."""
        self._queue = None
        self._set_times(None, None)

    def become_callback_of(self, parent: PartialRecord) -> None:
        """Make the partial a callback of ``parent``.  Raises ValueError where it is in use."""
        if self._state != PENDING or self._queue is not None or self._parent is not None:
            raise ValueError(f"callback {self!r} is used already: make a new Partial")
        self._parent = parent

    def assign(self, incarnation: Any) -> None:
        """Assign the partial to the engine that claimed it.

        A partial with a result keeps its state: the engine runs the rest of its callbacks.
        """
        if self._resume_at is not None:
            del self._resume_at
            self._claim = incarnation
            return
        self._move_to(ACTIVE)
        self._claim = incarnation
        if not self._batch:  # those are so short that a callback is hardly ever added meanwhile
            self.ensure_sidecar()

    def reassign(self, incarnation: Any) -> None:
        """Assign what is left to do to another engine."""
        self._claim = incarnation

    def disown(self) -> None:
        """Remove the engine's claim."""
        if self._claim is not None:
            del self._claim

    def start(self) -> None:
        """Become active where no engine has claimed the partial: a callback, a direct call."""
        if self._state == PENDING:
            self._move_to(ACTIVE)

    def reschedule(self, moment: int) -> None:
        """Leave the partial, after a failed attempt, for its claimer to release.

        ``moment``: microseconds; the time for which it will be released.
        """
        self._started, self._once = None, False
        self._retry_at = moment

    def release(self) -> None:
        """Return to PENDING; the caller files the partial in the queue."""
        self._move_to(PENDING)
        self.disown()
        self._started = None
        if self._retry_at is not None:
            if self._retry_at > clock.now():  # else it has its old place
                self._set_times(None, self._retry_at)
            self._retry_at = None

    def let_begin(self) -> None:
        """Hold the partial no longer: it is as if it were put now, or for its later time."""
        del self._held
        now, due = clock.now(), self._due
        was_put_before = self._p_serial != z64
        if was_put_before and self._state == PENDING and self._queue is not None:
            is_later = due is not None and due > now
            self._set_times(None if is_later else now, due if is_later else None)

    def delay(self, microseconds: int) -> None:
        """Set the due time to this many microseconds from now."""
        self._set_times(None, clock.now() + microseconds)

    def resume_later(self, moment: int) -> None:
        """Let workers run the callbacks from this moment (microseconds) on."""
        self._resume_at = moment

    def wait_for(self, other: PartialRecord) -> None:
        """Stay active until ``other`` has a result, which becomes this partial's."""
        self._waits_for = other
        other.hand_result_to(self)

    def finish(self, result: Any) -> None:
        """Store the (storable) result; move to CALLBACKS where there are any, else to COMPLETED."""
        if result is not None:
            self._result, self._v_result = result, None
        if not isinstance(result, StoredFailure):
            self.drop_checkpoint()
        if self._waits_for is not None:
            del self._waits_for
        self._ended = clock.now()
        self.be_aside_no_more()
        self._move_to(CALLBACKS if self.has_callbacks else COMPLETED)

    def complete(self) -> None:
        """Move to COMPLETED; the caller has checked that all callbacks are done."""
        self.be_aside_no_more()
        self._move_to(COMPLETED)

    def renew(self) -> None:
        """Become pending again, with fresh attempts, after the end; a failure stays in the history.

        So do the last checkpoint and the recorded steps of a call that has failed.  Raises
        BadStateError unless it is completed.
        """
        if self._state != COMPLETED:
            raise BadStateError(f"a partial that is {self._state} cannot be run again")
        if isinstance(self._result, StoredFailure):
            self.remember(self._result, self._ended or clock.now())
        for name in OF_ONE_LIFE:
            if name in self.__dict__:
                delattr(self, name)
        self.renew_checkpoint()
        self._v_result = None
        kept = tuple(one for one in self.callbacks if not one.is_adoption)
        if len(kept) < len(self.callbacks):  # what has waited for the result has got it
            self.ensure_sidecar().keep_callbacks(kept)

    def rewrite(self) -> None:
        """Write the record once more, so that what was written before cannot be undone.

        ZODB refuses to undo a transaction when one of its records has other contents now.
        """
        self._rewrites += 1

    @property
    def secret_arguments(self) -> bool | tuple[str | int, ...]:
        """The names and positions of the arguments that nobody is shown; True: all."""
        return self._secret

    def ensure_sidecar(self) -> Sidecar:
        """Return the record of callbacks and annotations; make it where there is none to be used.

        What one had that cannot be loaded is lost with it.
        """
        if self.sidecar is None:
            self._sidecar = Sidecar()
        return self._sidecar  # type: ignore[no-any-return]

    def hand_result_to(self, waiting: PartialRecord) -> None:
        """Give the result, once there is one, to ``waiting``."""
        raise NotImplementedError

    def _set_times(self, put: int | None, due: int | None) -> None:
        for name, value in (("_put", put), ("_due", due)):
            if value is not None:
                setattr(self, name, value)
            elif getattr(self, name) is not None:
                delattr(self, name)

    def _move_to(self, state: str) -> None:
        if state not in TRANSITIONS[self._state]:
            raise BadStateError(f"a partial that is {self._state} cannot become {state}")
        self._state = state


def protect(partials: Iterable[PartialRecord]) -> None:
    """Let none of the transactions be undone that have written these partials last.

    A transaction is undone as a whole, so one record of each is enough.
    """
    protected: set[bytes] = set()
    for partial in partials:
        if partial._p_serial not in protected or partial._p_jar is None:
            protected.add(partial._p_serial)
            partial.rewrite()
