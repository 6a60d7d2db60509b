"""Unique: the options of a put that make it the only one of its key, and who has which key.

A queue has a table of keys, made with the first: key -> the partial that was put with it.  It is
changed in the put's own transaction, so that of two clients that put the same key at once one
conflicts, is repeated, and sees what the other one has put.  It is in many small trees, so that
clients with different keys hardly ever meet.  Whoever decides by the state of the
partial that has the key asserts that state with ``readCurrent``: a worker that claims or ends it
meanwhile writes its record, and the put is repeated as well.  So nobody joins a call that has begun
without having seen it.

A key is free as soon as its partial is none that counts any more, whether or not its entry is still
there: engines take it away behind the end (:mod:`zcasync.supervisor.poll.unique_keys`), and sweep
for what they have missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any
from zlib import crc32

from BTrees.IOBTree import IOBTree
from BTrees.OOBTree import OOBTree
from ZODB.utils import z64

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.job.steps import has_steps
from zcasync.queues.unique_key import key_of
from zcasync.zeo.bulk_load import load_all

#: The states by which a call counts, in the words of the option.
STATES = ("pending", "active", "completed")
POLICIES = ("keep", "replace", "reject", "debounce")
#: These change what waits, so that nothing else counts for them.
CHANGING = ("replace", "debounce")
#: For how long what is completed counts, where nothing is said, microseconds.
COMPLETED_MICROSECONDS = 86_400_000_000
#: A sweep looks at so many.
SWEPT_AT_ONCE = 1000
#: A table has so many trees, for ever.
TREES = 64

#: The number of a tree, and the last key in it that was looked at.
Place = tuple[int, str | None]
START: Place = (0, None)


@dataclass(frozen=True)
class Unique:
    """What a put says of its key.

    ``key``: a text, a callable that makes it of the call's arguments, or True: the arguments
    themselves.  ``states``: those of another call by which that counts; ``policy``: what becomes of
    the put then; ``merge``: "union", or a callable that makes one call's arguments of two; None:
    none.  ``lasting``: how long one that is completed counts, microseconds.
    """

    key: str | Callable[..., Any] | bool
    states: tuple[str, ...]
    policy: str
    merge: Any = None
    lasting: int = COMPLETED_MICROSECONDS

    def key_of(self, partial: PartialRecord) -> str:
        """Return the key of a call: calls of different callables never have the same.

        Nor have methods of different objects.  Raises ValueError for arguments of which no key can
        be made, and TypeError for what a callable makes that is no text.
        """
        return key_of(partial, self.key, is_merged=self.merge is not None)

    @property
    def stored(self) -> tuple[tuple[str, ...], int]:
        """The states, and how long a completed one counts, as they are kept with the call."""
        return self.states, self.lasting


def unique_of(
    unique: Any, states: Any, if_exists: Any, merge: Any, lasting: Any = None
) -> Unique | None:
    """Return what the options of a put say; None: nothing.  Raises TypeError, ValueError."""
    given = {
        "unique_states": states, "if_exists": if_exists, "merge": merge, "unique_for": lasting,
    }  # fmt: skip
    if unique is None or unique is False:
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"{name} needs unique: give the key as well, such as unique=True")
        return None
    if not (unique is True or callable(unique) or (isinstance(unique, str) and unique)):
        raise TypeError(
            "unique must be a text, True for the arguments, or a callable that makes a text of "
            f"them, not {unique!r}"
        )
    policy = "keep" if if_exists is None else if_exists
    if policy not in POLICIES:
        raise ValueError(f"if_exists must be one of {', '.join(POLICIES)}, not {if_exists!r}")
    if merge is not None and policy not in ("keep", "debounce"):
        raise ValueError(f"merge and if_exists={policy!r} exclude each other: give one of them")
    if not (merge is None or merge == "union" or callable(merge)):
        raise TypeError(f"merge must be 'union' or a callable, not {merge!r}")
    changes = policy in CHANGING or merge is not None
    chosen = _states(states, ("pending",) if changes else ("pending", "active"))
    if changes and chosen != ("pending",):
        name = f"if_exists={policy!r}" if policy in CHANGING else "merge"
        raise ValueError(
            f"{name} and unique_states={chosen!r} exclude each other: only a call that is pending "
            "can be changed"
        )
    return Unique(unique, chosen, policy, merge, _lasting(lasting, chosen))


def holder(queue: Any, key: str) -> PartialRecord | None:
    """Return the partial that was put with a key last, whatever became of it; None: there is none.

    The transaction conflicts where that changes meanwhile.
    """
    found: PartialRecord | None = _tree(queue, key).get(key)
    if found is None or broken(found) is not None:
        return None
    if found._p_jar is not None and found._p_serial != z64:
        found._p_jar.readCurrent(found)
        found._p_jar.register(found)  # else a transaction that changes nothing asserts nothing
    return found


def hold(queue: Any, key: str, partial: PartialRecord) -> None:
    """Let a partial have a key."""
    if queue.keys is None:
        queue.keys = IOBTree({number: OOBTree() for number in range(TREES)})
    tree = _tree(queue, key)
    if tree.get(key) is not partial:
        tree[key] = partial


def require_free(queue: Any, partial: PartialRecord) -> None:
    """Raise BadStateError where another partial, that counts, has the key of one that is over."""
    if partial.unique is None:
        return
    key, states, lasting = partial.unique
    found = holder(queue, key)
    if found is not None and found is not partial and counts(queue, found, (states, lasting)):
        raise BadStateError(
            f"{partial!r} cannot be run again: {found!r} has been put with the same key and is "
            f"{found.state}"
        )


def require_different(partials: Iterable[PartialRecord]) -> None:
    """Raise BadStateError where two partials that are to run again were put with the same key."""
    known: dict[str, PartialRecord] = {}
    for partial in partials:
        if partial.unique is not None and (
            known.setdefault(partial.unique[0], partial) is not partial
        ):
            raise BadStateError(
                f"{partial!r} cannot be run again with {known[partial.unique[0]]!r}, which was put "
                "with the same key: run one of them"
            )


def hold_again(queue: Any, partial: PartialRecord) -> None:
    """Let a partial that waits once more have its key again."""
    if partial.unique is not None:
        hold(queue, partial.unique[0], partial)


def counts(queue: Any, partial: PartialRecord, unique: tuple[tuple[str, ...], int]) -> bool:
    """Return whether a partial that has a key counts, by these states and this time."""
    states, lasting = unique
    if partial.queue is not queue:  # it was taken out
        return False
    if partial.state == PENDING and not has_done_something(partial):
        return "pending" in states
    if partial.state != COMPLETED:
        return "active" in states
    return "completed" in states and (partial.ended_at or 0) + lasting > clock.now()


def has_done_something(partial: PartialRecord) -> bool:
    """Return whether what a call has done in an earlier attempt stands: it goes on behind that.

    Such a call, though it waits, has begun: what is changed in it now it may not come to any more.
    One that may begin only once, and has, is not even made again.
    """
    if partial.has_begun_once or partial.has_checkpoint:
        return True
    return partial.was_begun and has_steps(partial)


def free(queue: Any, partials: Iterable[PartialRecord], *, is_written: bool = True) -> int:
    """Take away the keys of those of these partials that do not count; return their number.

    ``is_written``: this transaction writes what whoever runs one of them again writes, too.
    """
    count = 0
    for partial in partials:
        if broken(partial) is not None or partial.unique is None:
            continue
        key, states, lasting = partial.unique
        # A put that joins one that waits again, after a failure, has to find it.
        is_open = partial.queue is queue and partial.state != COMPLETED
        is_needed = is_open or counts(queue, partial, (states, lasting))
        if not is_needed and _tree(queue, key).get(key) is partial:
            del _tree(queue, key)[key]
            if not is_written:
                partial.rewrite()  # else it could wait again, and nobody would find it by its key
            count += 1
    return count


def sweep(queue: Any, after: Place = START, limit: int = SWEPT_AT_ONCE) -> Place:
    """Take away keys whose partials do not count, of some behind this place; return the next one.

    A sweep that has come to the end begins anew.
    """
    if queue.keys is None:
        return START
    number, last = after
    tree = queue.keys[number]
    some = list(islice(tree.items(last, excludemin=last is not None), limit))
    if queue._p_jar is not None:
        load_all(queue._p_jar, [one._p_oid for _, one in some if one._p_changed is None])
    for key, partial in some:
        if broken(partial) is not None:
            del tree[key]
    free(queue, [partial for _, partial in some], is_written=False)
    return (number, some[-1][0]) if len(some) == limit else ((number + 1) % TREES, None)


def _tree(queue: Any, key: str) -> Any:
    """Return the tree in which a key is, or would be."""
    return (
        {}
        if queue.keys is None
        else queue.keys[crc32(key.encode("utf-8", "surrogatepass")) % TREES]
    )


def _states(given: Any, usual: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return usual
    if not isinstance(given, str | Iterable):
        raise TypeError(f"unique_states must be words, not {type(given).__name__}")
    chosen = (given,) if isinstance(given, str) else tuple(given)
    for state in chosen:
        if state not in STATES:
            raise ValueError(f"unique_states must be of {', '.join(STATES)}, not {state!r}")
    if not chosen:
        raise ValueError(f"unique_states must name one of {', '.join(STATES)} at least")
    return tuple(state for state in STATES if state in chosen)


def _lasting(given: Any, states: tuple[str, ...]) -> int:
    if given is None:
        return COMPLETED_MICROSECONDS
    if "completed" not in states:
        raise ValueError(
            f"unique_for and unique_states={states!r} exclude each other: it is for how long one "
            "that is completed counts"
        )
    if isinstance(given, bool) or not isinstance(given, int | float | timedelta):
        raise TypeError(f"unique_for must be seconds or a timedelta, not {type(given).__name__}")
    try:
        span = given if isinstance(given, timedelta) else timedelta(seconds=given)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"unique_for is no time that can pass: {given}") from error
    if span <= timedelta(0):
        raise ValueError(f"unique_for must be more than nothing: {given}")
    return span // clock.MICROSECOND
