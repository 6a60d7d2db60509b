"""The reserve: children without a slot: the spare, the trial of a reload, and those that leave."""

from __future__ import annotations

from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.state import State


class Reserve:
    """Keeps the children of a pool that are in no slot."""

    def __init__(self) -> None:
        self.spare: Child | None = None  # takes the place of a child that ends
        self.trial: Child | None = None  # shows whether a new generation can boot
        self._leaving: list[Child] = []  # that are not needed any more

    def children(self) -> list[Child]:
        """Return all of them."""
        extra = [one for one in (self.spare, self.trial) if one is not None]
        return [*extra, *self._leaving]

    @property
    def usable(self) -> Child | None:
        """The spare, ready or not; None: there is none, or a signal has stopped it."""
        spare = self.spare
        return None if spare is None or spare.frozen_seconds is not None else spare

    @property
    def ready(self) -> Child | None:
        """The spare that could take jobs now."""
        spare = self.usable
        return None if spare is None or spare.state != State.SPARE else spare

    def take(self) -> None:
        """Note that the spare has a slot now."""
        self.spare = None

    def drop_spare(self) -> None:
        """Let the spare end, where there is one."""
        spare, self.spare = self.spare, None
        self._let_go(spare)

    def drop_trial(self) -> None:
        """Let the child of a trial end, where there is one: nobody asks for its answer any more."""
        trial, self.trial = self.trial, None
        self._let_go(trial)

    def passed(self, child: Child) -> None:
        """Note that a child has booted: that of a trial replaces the spare."""
        if child is self.trial:
            self.trial = None
            self.drop_spare()
            self.spare = child

    def forget(self, child: Child) -> None:
        """Forget a child that is gone."""
        if child is self.spare:
            self.spare = None
        elif child is self.trial:
            self.trial = None
        elif child in self._leaving:
            self._leaving.remove(child)

    def _let_go(self, child: Child | None) -> None:
        if child is not None:
            self._leaving.append(child)
            child.finish()
