"""Bits: what has ended of what a block of a gate counts: a mixin, whose attributes are stored."""

from __future__ import annotations


class Bits:
    """A bit for each call, and for each block below; the block that these are a part of has one."""

    parent: Bits | None = None
    place = 0
    size = 0
    done = 0
    failed = 0

    @property
    def is_full(self) -> bool:
        """True when all that is counted here has ended."""
        return self.done == (1 << self.size) - 1

    def note(self, bit: int, is_failed: bool) -> bool:
        """Set a bit, here and above as far as blocks are full; return whether the gate is."""
        self._mark("failed", bit, is_failed)
        one: Bits = self
        while True:
            one._mark("done", bit, True)
            if not one.is_full:
                return False
            if one.parent is None:
                return True
            one, bit = one.parent, one.place

    def take_back(self, bit: int) -> None:
        """Count something again that was counted: its bit is set no more, here and above."""
        self._mark("failed", bit, False)
        one: Bits = self
        while True:
            one._mark("done", bit, False)
            if one.parent is None:
                return
            one, bit = one.parent, one.place

    def _mark(self, name: str, bit: int, is_set: bool) -> None:
        """Write the record only where that changes it."""
        before = getattr(self, name)
        after = before | 1 << bit if is_set else before & ~(1 << bit)
        if after != before:
            setattr(self, name, after)
