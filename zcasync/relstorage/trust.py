"""Trust: how often a listening thread looks what was committed, beside what it hears.

A NOTIFY can be missing: a commit was made by a process without zcasync, or a pooler between us and
the server hands the connection to others.  Whether it can be relied on is known by what is found by
looking, and was not heard a while later either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

#: The pause between two looks where NOTIFYs can be relied on, and where they cannot, seconds.
TRUSTING, LOOKING = 2.0, 0.25
#: Where there are none, it is shorter for a while after a change that mattered, seconds.
EAGER, EAGER_FOR = 0.05, 1.0
#: What was found by looking may be heard so much later; then it is missing, seconds.
LATE = 1.0
#: For so long nothing is relied on that was missing once, seconds.
DISTRUST_FOR = 300.0


class Trust:
    """What one connection is trusted with.  ``hears``: it can hear; ``now``: seconds."""

    def __init__(self, hears: bool, now: Callable[[], float]) -> None:
        self._hears = hears
        self._now = now
        self._unheard: dict[int, tuple[float, Collection[int]]] = {}  # tid -> since, oids
        self._distrusted_until = now()
        self._eager_until = now()

    @property
    def is_given(self) -> bool:
        """Whether commits are heard."""
        return self._hears and self._now() >= self._distrusted_until

    @property
    def pause(self) -> float:
        """The seconds until the next look."""
        if self.is_given:
            return TRUSTING
        return EAGER if self._now() < self._eager_until else LOOKING

    def found(self, tid: int, oids: Collection[int]) -> None:
        """Take note of a commit that somebody waits for, and that was not heard yet."""
        self._unheard.setdefault(tid, (self._now(), oids))
        self._eager_until = self._now() + EAGER_FOR

    def heard(self, oids: Collection[int] | None) -> None:
        """Take note of a NOTIFY; None: it can be for anything."""
        late = {tid: one for tid, one in self._unheard.items() if oids is not None}
        self._unheard = {
            tid: (since, of) for tid, (since, of) in late.items() if set(of).isdisjoint(oids or ())
        }

    def judge(self) -> bool:
        """Judge before a look; return whether trust is lost just now."""
        before = self.is_given
        if any(self._now() - since >= LATE for since, _ in self._unheard.values()):
            self._unheard.clear()
            self._distrusted_until = self._now() + DISTRUST_FOR
        return before and not self.is_given
