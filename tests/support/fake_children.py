"""A child without a process, at a job, for those who judge children by what is known of them."""

from __future__ import annotations

from twisted.internet.task import Clock

from zcasync.supervisor.children.state import ChildState

#: The ids of two jobs; it is at the first one.
A, B = bytes(7) + b"\x01", bytes(7) + b"\x02"


class FakeChild(ChildState):
    """A child at a job, which keeps why it is killed."""

    def __init__(self, reactor: Clock) -> None:
        super().__init__(reactor, 0)
        self.note_started(17)
        self.note_ready()
        self.note_given([A])
        self.killed: list[str] = []

    def kill(self, reason: str) -> None:
        """Note the reason."""
        self.killed.append(reason)
