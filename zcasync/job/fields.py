"""PartialFields: the stored attributes of one call, and the questions that they answer.

Record layout.  A partial that waits is one small record; attributes with their default value are
not stored.  Times are microseconds (see :mod:`zcasync.clock`), workers the bytes of their UUID.
Callbacks and annotations live in a sidecar (:class:`zcasync.job.record.Sidecar`), a record of its
own that exists from the first callback, the first annotation, or the claim on, so that other
processes can write it while the job runs.

Only this folder reads and writes the stored attributes; all other code asks the questions here and
makes the transitions of :mod:`zcasync.job.record`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from twisted.python.failure import Failure

from zcasync.errors import BadStateError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.call_fields import CallFields
from zcasync.job.context import in_place, is_context
from zcasync.job.control_fields import ControlFields
from zcasync.job.due_fields import DueFields
from zcasync.job.failure import StoredFailure
from zcasync.job.field_types import (
    Check,
    is_bool,
    is_count,
    is_text,
    is_uuid,
    one_of,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.gate_fields import GateFields
from zcasync.job.loadable import why_unloadable
from zcasync.job.packed import SIMPLE, Packed, pack
from zcasync.job.values import loaded
from zcasync.text import cut, printable

STATES = frozenset({PENDING, ACTIVE, CALLBACKS, COMPLETED})
#: The stored name of the callable of a callback that hands a result on.
ADOPT = "zcasync.job.callbacks:adopt"
NOTHING_REMEMBERED: Mapping[str, Any] = MappingProxyType({})


#: The classes of queues; the second is of versions before 0.1, which are refused where it is looked
#: for.
QUEUE_CLASSES = ("zcasync.queues.partial_queue.PartialQueue", "zcasync.queues.PartialQueue")
is_partial = stored("zcasync.job.record.PartialRecord")


class PartialFields(CallFields, DueFields, ControlFields, GateFields):
    """The stored fields of a partial, and questions about them."""

    _field_types: ClassVar[dict[str, Check]] = {
        **CallFields._field_types,
        **DueFields._field_types,
        **ControlFields._field_types,
        **GateFields._field_types,
        "_state": lambda value: is_text(value) and value in STATES,
        "_sidecar": optional(stored("zcasync.job.record.Sidecar")),
        "_parent": optional(is_partial),
        "_waits_for": optional(is_partial),
        "_queue": optional(stored(*QUEUE_CLASSES)),
        "_claim": optional(stored("zcasync.workers.incarnation.Incarnation")),
        "_batch": is_bool,
        "_detached": is_bool,
        "_isolated": is_bool,
        "_context": optional(is_context),
        "_secret": lambda value: is_bool(value) or tuple_of(one_of(int, str))(value),
        "_selected": tuple_of(is_uuid),
        "_excluded": tuple_of(is_uuid),
        "_retry": optional(is_text),
        "_rewrites": is_count,
    }

    _state: str = PENDING
    _result: Any = None
    _v_result: Any = None
    _sidecar: Any = None
    _parent: Self | None = None
    _waits_for: Self | None = None
    _queue: Any = None
    _claim: Any = None
    _batch: bool = False
    _detached: bool = False
    _isolated: bool = False
    _context: dict[str, Any] | None = None
    _secret: bool | tuple[str | int, ...] = False
    _selected: tuple[bytes, ...] = ()
    _excluded: tuple[bytes, ...] = ()
    _retry: str | None = None
    _rewrites: int = 0

    # how the call is made

    @property
    def packed_references(self) -> tuple[Any, ...]:
        """The stored objects that packed arguments refer to; loads nothing."""
        return () if self._packed is None else self._packed.references

    @property
    def is_detached(self) -> bool:
        """True for a call that is made without a connection to the database."""
        return self._detached

    @property
    def is_batch(self) -> bool:
        """True for a call that may share a commit with others."""
        return self._batch

    @property
    def is_isolated(self) -> bool:
        """True for a call that is to have a process of its own."""
        return self._isolated

    @property
    def context(self) -> Mapping[str, Any]:
        """The context that the put has remembered; of a callback that of its parent."""
        one: Self | None = self
        while one is not None:
            if one._context is not None:
                return MappingProxyType(one._context)
            one = one.parent
        return NOTHING_REMEMBERED

    @property
    def policy_name(self) -> str | None:
        """The stored name of the retry policy; None where none was named."""
        return self._retry

    @property
    def is_adoption(self) -> bool:
        """True for a callback that hands the result on to a partial that waits for it."""
        return isinstance(self.stored_callable, str) and self.stored_callable == ADOPT

    # state and result

    @property
    def state(self) -> str:
        """PENDING, ACTIVE, CALLBACKS or COMPLETED."""
        return self._state

    @property
    def has_result(self) -> bool:
        """True once the call has its result; callbacks may be left to run."""
        return self._state in (CALLBACKS, COMPLETED)

    @property
    def result(self) -> Any:
        """The value or the Failure; None before there is one.

        All who read it here have the same one, and the record another.
        """
        if not self.has_result:
            return None
        stored = self._result
        if type(stored) in SIMPLE:
            return stored
        if isinstance(stored, Packed):
            return stored.load(self._p_jar)
        if self._v_result is None:
            self._v_result = _anew(stored, self._p_jar)
        return in_place(self, self._v_result)

    def result_anew(self) -> Any:
        """Return the result, one that nobody else has."""
        self._v_result = None  # who is given this one may read the other, too
        return _anew(self._result, self._p_jar)

    @property
    def stored_result(self) -> Any:
        """The result as it is stored: a large value in a record of its own."""
        return self._result

    @property
    def unhandled_error(self) -> bool:
        """True for a Failure that no callback has handled."""
        unseen = [self]
        while unseen:
            one = unseen.pop()
            if isinstance(one.result, Failure):
                callbacks = one.callbacks
                if not callbacks or not all(callback.has_result for callback in callbacks):
                    return True
                unseen += callbacks
        return False

    @property
    def callbacks(self) -> tuple[Self, ...]:
        """The callbacks, in the order in which they were added; none that cannot be loaded."""
        return tuple(one for one in self.stored_callbacks if why_unloadable(one) is None)

    @property
    def stored_callbacks(self) -> tuple[Self, ...]:
        """All callbacks, in their order, loaded or not: whoever takes one asks whether it can be.

        So who runs one after the other loads each once, however many there are.
        """
        sidecar = self.sidecar
        return () if sidecar is None else sidecar.all_callbacks()  # type: ignore[no-any-return]

    @property
    def callbacks_problem(self) -> str | None:
        """Why callbacks are missing that the partial may have; None: none are."""
        problem = self.sidecar_problem
        return problem if problem or self._sidecar is None else self._sidecar.pages_problem()

    @property
    def has_callbacks(self) -> bool:
        """True where there is a callback that can be loaded; looks at no more than it needs."""
        return any(why_unloadable(one) is None for one in self.stored_callbacks)

    @property
    def sidecar(self) -> Any:
        """The record of callbacks and annotations; None: there is none, or it cannot be loaded."""
        return None if self.sidecar_problem is not None else self._sidecar

    @property
    def stored_sidecar(self) -> Any:
        """The record of callbacks and annotations, loaded or not; None: there is none."""
        return self._sidecar

    @property
    def sidecar_problem(self) -> str | None:
        """Why the record of callbacks and annotations cannot be loaded; None where it can."""
        return None if self._sidecar is None else why_unloadable(self._sidecar)

    @property
    def parent(self) -> Self | None:
        """The partial whose callback this is; None: none, or one that cannot be loaded."""
        found = self._parent
        return None if found is None or why_unloadable(found) is not None else found

    @property
    def waits_for(self) -> Self | None:
        """The partial whose result becomes this one's."""
        return self._waits_for

    @property
    def is_unfinished(self) -> bool:
        """True while the partial is active and does not wait for another one."""
        return self._state == ACTIVE and self._waits_for is None

    # where and when it may run

    @property
    def queue(self) -> Any:
        """The queue that the partial was put in; kept after the claim, to find the manager."""
        return self._queue

    @property
    def claim(self) -> Any:
        """The incarnation of the engine that claimed the partial last.

        None: no claim, or one of an engine whose record cannot be loaded.
        """
        found = self._claim
        return None if found is None or why_unloadable(found) is not None else found

    @property
    def restriction(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """The UUIDs, as bytes, of the workers selected for it and excluded from it."""
        return self._selected, self._excluded

    def may_run_on(self, worker: bytes) -> bool:
        """Return whether the worker with these UUID bytes may run it."""
        return worker not in self._excluded and (not self._selected or worker in self._selected)

    def is_claimed_by(self, incarnation: Any) -> bool:
        """Return whether the engine of this incarnation is to run it."""
        is_mine = self._state == ACTIVE and self._claim is incarnation
        return is_mine and self._waits_for is None and self._retry_at is None

    def require_pending(self, what: str) -> None:
        """Raise BadStateError, naming what cannot change, unless the partial is pending."""
        if self._state != PENDING:
            raise BadStateError(f"{what} can change while a partial is pending, not {self._state}")

    def __repr__(self) -> str:
        where = "" if self._p_oid is None else f" {int.from_bytes(self._p_oid):#x}"
        call = cut(printable(self.callable_name))
        return f"<zcasync.partial.Partial{where} {call} {self._state}>"


def _anew(stored: Any, jar: Any) -> Any:
    """Return what a stored result stands for, whose parts nobody else has."""
    is_failure = isinstance(stored, StoredFailure)
    return pack(stored, "failure").load() if is_failure else loaded(stored, jar)
