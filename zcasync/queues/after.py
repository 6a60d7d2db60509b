"""After: a call that is put begins when others have ended, and a flow with its members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from twisted.python.failure import Failure

from zcasync.errors import BadStateError, MisplacedError
from zcasync.interfaces import COMPLETED
from zcasync.job.gate import Gate
from zcasync.job.record import PartialRecord
from zcasync.job.starting import started
from zcasync.job.waiting import is_orphan, line_of_need
from zcasync.partial import Partial, attach_callback

#: What ``on_failure`` can be: whether what waits begins though something has failed.
ON_FAILURE = {"fail_fast": False, "collect": True}
#: The retry policy of the callbacks that count: nobody else would.
COUNTING = "forever"


class After(NamedTuple):
    """What a put says of others: ``partials`` that have to end before, and ``collects``: whatever
    becomes of these.
    """

    partials: tuple[Partial, ...] = ()
    collects: bool = False

    @classmethod
    def of(cls, after: Any, on_failure: Any) -> After:
        """Return what the options say.  Raises TypeError, ValueError."""
        found = cls(predecessors(after), collects(on_failure))
        if on_failure is not None and not found.partials:
            raise ValueError("on_failure says what becomes of a call whose after fails: give both")
        return found


#: Of a put that says nothing of others.
NONE = After()


def collects(on_failure: Any) -> bool:
    """Return whether a failure is no reason to end.  Raises ValueError for what is no option."""
    if on_failure is None:
        return False
    if not isinstance(on_failure, str) or on_failure not in ON_FAILURE:
        raise ValueError(f"on_failure must be one of {', '.join(ON_FAILURE)}, not {on_failure!r}")
    return ON_FAILURE[on_failure]


def predecessors(given: Any) -> tuple[Partial, ...]:
    """Return what ``after`` names.  Raises TypeError, ValueError."""
    if given is None:
        return ()
    if isinstance(given, Partial):
        raise TypeError("after must be a list of partials: after=[partial]")
    if not isinstance(given, Iterable):
        raise TypeError(f"after must be a list of partials, not {type(given).__name__}")
    found = tuple(given)
    for one in found:
        if not isinstance(one, Partial):
            raise TypeError(f"after must name partials, as put returns them, not {one!r}")
    if len({id(one) for one in found}) < len(found):
        raise ValueError("after names one of its partials twice")
    return found


def require_predecessors(items: Sequence[Partial], after: Sequence[Partial], jar: Any) -> None:
    """Raise where what is put cannot begin after these.

    BadStateError for one that would wait for itself, and where nobody would ever call what it waits
    for; MisplacedError for a partial of another database or connection.
    """
    own = {id(one) for one in items}
    for one in after:
        if one._p_jar is not jar and one.queue is not None:
            raise MisplacedError(
                f"{one!r}, which after names, belongs to another connection than the queue: get "
                "both through the same connection"
            )
        if any(id(needed) in own for needed in line_of_need(one)):
            raise BadStateError(
                "a partial cannot begin after itself"
                if id(one) in own
                else f"after names {one!r}, which itself waits for what is put: neither would begin"
            )
        if is_orphan(one):
            raise BadStateError(
                f"after names {one!r}, which is in no queue, so that it would never end: put it "
                "first"
            )


def wait_behind(partial: Partial, after: Sequence[Partial], collects_failures: bool) -> bool:
    """Let a call begin after others; return whether it has to wait: not all have ended."""
    gate = Gate(partial, collects=collects_failures)
    partial.wait_behind(gate)
    slots = gate.grow(len(after))
    gate.add_members(tuple(after))
    if partial._p_jar is not None:
        for block in gate.all_blocks():
            partial._p_jar.add(block)
    for number, (one, (block, bit)) in enumerate(zip(after, slots, strict=True), 1):
        if one.state == COMPLETED:
            is_failed = isinstance(one.stored_result, Failure)
            block.note(bit, is_failed)
            gate.judge(one, number, is_failed, is_vital=False)
        else:
            count(one, block, bit, number)
    gate.is_open = gate.is_full or gate.has_failed
    partial.hold()
    return not gate.is_open


def count(
    partial: Partial, block: Any, bit: int, number: int, following: PartialRecord | None = None
) -> Partial:
    """Let the end of a partial be counted; return the callback that does."""
    callback = Partial(block.member_ended, partial, bit, number, following)
    return attach_callback(partial, callback, COUNTING)


def require_without_key(partial: Partial, options: Any) -> None:
    """Raise ValueError for a call with a key that waits for others, or that others wait for."""
    if options.unique is not None:
        raise ValueError(
            f"{partial!r} is unique, and after, or a flow, needs a call of its own: leave one out"
        )


def ready_to_wait(partial: Partial, after: After) -> list[Any]:
    """Return what has to be given a place in a queue when a partial is put; hold the rest."""
    if not after.partials and partial.members_gate is None:
        return [partial]
    if after.partials and wait_behind(partial, after.partials, after.collects):
        return []
    partial.hold()
    return started(partial)


def members_of(partial: Partial) -> list[Any]:
    """Return the members of a flow, to any depth; none of another partial."""
    if partial.members_gate is None:
        return []
    found, left = [], list(partial.members_gate.all_members())
    while left:
        one = left.pop()
        found.append(one)
        if one.members_gate is not None:
            left += one.members_gate.all_members()
    return found
