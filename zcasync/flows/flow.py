"""Flow: a partial that is called with its members when these have ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from zope.interface import implementer

from zcasync.errors import BadStateError
from zcasync.interfaces import IFlow
from zcasync.job.gate import Block, Gate, Slot, counting
from zcasync.job.gate_counts import Counts
from zcasync.job.record import PartialRecord
from zcasync.job.starting import begin, started
from zcasync.partial import Partial, as_partial
from zcasync.perform.progress import current
from zcasync.queues.after import After, collects, count, require_predecessors, wait_behind
from zcasync.queues.entering import enter_held


@implementer(IFlow)
class Flow(Partial):
    """See ``IFlow``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise BadStateError: its members are called by workers."""
        raise BadStateError(f"{self!r} is a flow: put it in a queue, and its members are called")

    @property
    def members(self) -> Iterator[Partial]:
        """Yield the members in their order; loads none of them."""
        return self.members_gate.all_members()  # type: ignore[no-any-return]

    @property
    def progress(self) -> Counts:
        """How many members there are, have ended, have failed; loads none of them."""
        return self.members_gate.counts()  # type: ignore[no-any-return]

    def add(self, *calls: Any, **options: Any) -> list[Partial]:
        """Add members, behind those that there are; return them.

        Each a callable or a Partial.  Of a flow that was put they are put, too, with these options
        of ``put``; what neither these say nor a callable, was said for the flow.  Raises
        BadStateError where all members have ended, or the flow has.
        """
        gate = self.members_gate
        after = After.of(options.pop("after", None), options.pop("on_failure", None))
        if after.partials and (gate.is_serial or not gate.is_started):
            raise BadStateError("after is for members of a parallel flow that has begun")
        if gate.is_open or self.has_result:
            raise BadStateError(f"{self!r} gets no more members: those that it had have ended")
        members = tuple(map(as_partial, calls))
        if self.queue is None:
            _count_all(gate, gate, members)
            return list(members)
        adder = current()
        is_by_member = adder is not None and adder.flow_gate is gate and not gate.is_serial
        block = _branch_of(adder, gate) if adder is not None and is_by_member else gate
        _count_all(gate, block, members)
        if after.partials:
            require_predecessors(members, after.partials, self._p_jar)
        enter_held(self, members, options)
        for member in members if after.partials else ():
            wait_behind(member, after.partials, after.collects)
        if gate.is_started and not gate.is_serial:
            begin([one for member in members for one in started(member)])
        return list(members)


def make(
    calls: Iterable[Any],
    postprocess: Any,
    on_failure: str,
    *,
    is_serial: bool = False,
    kind: type[Flow] = Flow,
    finisher: Any = None,
) -> Any:
    """Return a flow of these calls; ``kind``: its class; ``finisher``: what is called in the end.

    Raises BadCallable, ValueError.
    """
    after = None if postprocess is None else as_partial(postprocess)
    flow = kind.bind(finisher or finish, after)
    gate = Gate(flow, collects=collects(on_failure), is_flow=True, is_serial=is_serial)
    flow.lead(gate)
    _count_all(gate, gate, tuple(map(as_partial, calls)))
    return flow


def finish(flow: Flow, postprocess: Partial | None) -> Any:
    """Return what the postprocess makes of the members; without one the list of their results."""
    if postprocess is None:
        return [_result(member) for member in flow.members]
    return postprocess.callable(*postprocess.args, *flow.members, **postprocess.kwargs)


def _result(member: Partial) -> Any:
    result = member.result
    member._p_deactivate()
    return result


def _count_all(gate: Gate, block: Block, members: tuple[Partial, ...]) -> None:
    """Let these members be counted in a block of a flow."""
    _require_new(members)
    number, last = gate.counts().total, _last_of(gate) if gate.is_serial else None
    slots: list[Slot] = block.grow(len(members))
    for made in block.blocks if block._p_jar is not None else ():
        if made._p_jar is None:
            block._p_jar.add(made)
    for member in members:
        member.join(gate)
    block.add_members(members)
    for place, (member, slot) in enumerate(zip(members, slots, strict=True), 1):
        callback = count(member, slot.block, slot.bit, number + place)
        if last is not None:
            last.args[3] = member
        last = callback if gate.is_serial else None


def _require_new(members: tuple[Partial, ...]) -> None:
    if len({id(one) for one in members}) < len(members):
        raise ValueError("one of the members is there twice: make a new Partial for each call")
    for one in members:
        if one.queue is not None or one.parent is not None or one.has_result:
            raise ValueError(f"member {one!r} was put already: make a new Partial")


def _last_of(gate: Gate) -> Any:
    """Return the callback that counts the last member of a serial flow; None: it has none."""
    last = gate.pages[-1].members[-1] if gate.pages else None
    found = [] if last is None else [one for one, its in counting(last) if its is gate]
    return found[0] if found else None


def _branch_of(adder: PartialRecord, gate: Gate) -> Any:
    """Return the block below the bit of a member that adds others: nobody else writes it."""
    callback = next(one for one, its in counting(adder) if its is gate)
    block, name = callback.stored_callable
    bit = callback.args[1]
    if block.is_branch and bit == 0:
        return block  # it has added others before
    branch = block.branch(bit)
    if block._p_jar is not None:
        block._p_jar.add(branch)
    callback.callable = getattr(branch, name)
    callback.args[1] = 0
    return branch
