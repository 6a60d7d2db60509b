"""Gates: what a call waits for before it begins, counted as it ends.

A gate has one bit for each call that it waits for.  Each of these has a callback, which sets its
bit in a transaction of its own, so that a call's own commit meets no other for that; callbacks are
resumed after a death, and so is this one.  The bits of many calls are in blocks, records of their
own, so that neighbours, which end at the same time in several children, write different ones.  A
block that is full sets its bit in what it is a part of, and a gate that is full lets its call begin
in that transaction.  So what an end loads and writes does not grow with the number of calls.

A call that is counted may let a gate grow: others are then counted below its own bit, which is set
when all of these have ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from math import isqrt
from typing import Any, ClassVar, NamedTuple

from persistent import Persistent
from twisted.python.failure import Failure

from zcasync.job.bits import Bits
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_bits,
    is_bool,
    is_count,
    needs,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.gate_counts import Counts
from zcasync.job.member_pages import MemberList
from zcasync.job.record import PartialRecord
from zcasync.job.starting import begin, has_started, released, started
from zcasync.unpublished import Unpublished

#: So many calls are counted in one record; of more, each block has about the root of their number.
SMALL = 16

_is_partial = stored("zcasync.job.record.PartialRecord")
_is_block = stored("zcasync.job.gate.Block")


class Slot(NamedTuple):
    """The bit of one call."""

    block: Block
    bit: int


class Block(Bits, MemberList, Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Some of the calls that a gate waits for: a bit for each, and for each block below."""

    _field_types: ClassVar[dict[str, Check]] = {
        "gate": stored("zcasync.job.gate.Gate"),
        "parent": optional(_is_block),
        "is_branch": is_bool,
        "place": is_count,
        "size": is_count,
        "done": is_bits,
        "failed": is_bits,
        "hidden": is_bits,
        "blocks": tuple_of(_is_block),
        **MemberList._field_types,
        ALL: needs("gate"),
    }

    parent: Block | None = None
    is_branch = False  # its first bit has the meaning of the bit that it is in the place of
    hidden = 0  # bits of what only makes members: it counts for none, and none can be missing
    blocks: tuple[Block, ...] = ()

    def __init__(self, gate: Gate, parent: Block, place: int, size: int) -> None:
        self.gate = gate
        self.parent = parent
        self.place = place
        self.size = size

    def grow(self, count: int) -> list[Slot]:
        """Wait for so many calls more; return their bits."""
        if count <= SMALL:
            first = self.size
            self.size += count
            return [Slot(self, first + number) for number in range(count)]
        some = isqrt(count)
        sizes = [(count - number + some - 1) // some for number in range(some)]
        made = [
            Block(self.gate, self, self.size + number, size) for number, size in enumerate(sizes)
        ]
        self.size += some
        self.blocks += tuple(made)
        return [Slot(made[number % some], number // some) for number in range(count)]

    def branch(self, bit: int) -> Block:
        """Return a new block in the place of a bit, whose first bit has the meaning of that."""
        made = Block(self.gate, self, bit, 1)
        made.is_branch = True
        if self.hidden >> bit & 1:
            made.hidden = 1
        self.blocks += (made,)
        return made

    def counts(self) -> Counts:
        """Return the counts; loads the blocks, and no call."""
        total = done = failed = 0
        for block in self.all_blocks():
            shown = (1 << block.size) - 1 & ~block.hidden
            for below in block.blocks:
                shown &= ~(1 << below.place)
            total += shown.bit_count()
            done += (block.done & shown).bit_count()
            failed += (block.failed & shown).bit_count()
        return Counts(total, done, failed)

    def all_blocks(self) -> Iterator[Block]:
        """Yield this and all blocks below, those that came first first."""
        left: list[Block] = [self]
        while left:
            block = left.pop()
            yield block
            left += reversed(block.blocks)

    def member_ended(
        self,
        member: PartialRecord,
        bit: int,
        number: int,
        following: PartialRecord | None,
        result: Any,
    ) -> None:
        """Count a call that has ended: the callback that each of them has.

        ``number``: its place in its flow, from 1 on; ``following``: the member that begins after
        it; ``result``: as it is stored.
        """
        gate, is_failed = self.gate, isinstance(result, Failure)
        is_full = self.note(bit, is_failed)
        gate.judge(member, number, is_failed, is_vital=bool(self.hidden >> bit & 1))
        ready = gate.opened() if is_full or gate.has_failed else []
        if following is not None and not member.is_held:
            ready += follow(following)
        begin(ready)


class Gate(Block):
    """What one call waits for.

    ``partial``: that call; ``collects``: it begins whatever has failed; ``is_flow``: it is called
    with its members when these have ended, and not only after them; ``is_serial``: these begin one
    after the other; ``first_failed``: the number of the first one that has failed, and it itself.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        **Block._field_types,
        "partial": _is_partial,
        "collects": is_bool,
        "is_flow": is_bool,
        "is_serial": is_bool,
        "is_open": is_bool,
        "is_started": is_bool,
        "first_failed": optional(lambda found: type(found) is tuple and len(found) == 2),
        ALL: needs("gate", "partial"),
    }

    collects = False
    is_flow = False
    is_serial = False
    is_open = False
    is_started = False
    first_failed: tuple[int, PartialRecord] | None = None

    def __init__(
        self,
        partial: PartialRecord,
        *,
        collects: bool = False,
        is_flow: bool = False,
        is_serial: bool = False,
    ) -> None:
        self.gate = self
        self.partial = partial
        if collects:
            self.collects = True
        if is_flow:
            self.is_flow = True
        if is_serial:
            self.is_serial = True

    @property
    def has_failed(self) -> bool:
        """True where a call has failed, and its failure is that of what waits for it."""
        return self.first_failed is not None

    def judge(self, member: PartialRecord, number: int, is_failed: bool, is_vital: bool) -> None:
        """Note the first call that has failed, where that counts; forget it once it succeeds."""
        if self.collects and not is_vital:
            return
        if is_failed and self.first_failed is None:
            if not self.partial.has_result:  # else it was cancelled, and its members with it
                self.first_failed = (number, member)
        elif not is_failed and self.first_failed is not None and self.first_failed[1] is member:
            del self.first_failed

    def opened(self) -> list[PartialRecord]:
        """Open the gate; return what has to be given a place in its queue for that."""
        if self.is_open:
            return []
        self.is_open = True
        return released(self.partial) if self.is_flow else started(self.partial)

    def all_members(self) -> Iterator[PartialRecord]:
        """Yield the members of the flow in their order; loads none of them."""
        for block in self.all_blocks():
            for page in block.pages:
                yield from page.members

    def first_members(self) -> Iterator[PartialRecord]:
        """Yield the members that begin when the flow does: of a serial one the first to be made."""
        if not self.is_serial:
            return self.all_members()
        return islice((one for one in self.all_members() if not one.has_result), 1)

    def count_again(self, members: Collection[PartialRecord]) -> None:
        """Wait once more for these, which were counted."""
        for member in members:
            for callback, gate in counting(member):
                if gate is self:
                    callback.stored_callable[0].take_back(callback.stored_arguments[1])
        if self.first_failed is not None and self.first_failed[1] in members:
            del self.first_failed


def counting(partial: PartialRecord) -> Iterator[tuple[PartialRecord, Gate]]:
    """Yield the callbacks of a partial that count its end, and the gates that they count for."""
    for callback in partial.callbacks:
        gate = counted_by(callback)
        if gate is not None:
            yield callback, gate


def counted_by(callback: PartialRecord) -> Gate | None:
    """Return the gate that a callback counts for; None: it is another callback."""
    call = callback.stored_callable
    is_count = isinstance(call, tuple) and isinstance(call[0], Block)
    return call[0].gate if is_count else None


def following_of(callback: PartialRecord) -> PartialRecord | None:
    """Return the member that begins when this callback counts; None: none does."""
    return callback.stored_arguments[3]  # type: ignore[no-any-return]


def follow(following: PartialRecord) -> list[PartialRecord]:
    """Start what follows a member that has ended; pass over what has a result already."""
    ready: list[PartialRecord] = []
    one: PartialRecord | None = following
    while one is not None:
        if not has_started(one):
            ready += started(one)
        if not one.has_result:
            break
        one = next(
            (
                following_of(callback)
                for callback, gate in counting(one)
                if gate is following.flow_gate
            ),
            None,
        )
    return ready
