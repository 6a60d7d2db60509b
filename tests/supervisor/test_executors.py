"""Executors hand out what a pass has claimed, once, as soon as it is committed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from zcasync.supervisor.children.state import ChildState
from zcasync.supervisor.executors import Executors
from zcasync.supervisor.poll.messages import HandOut, SlotReport

JOB, OTHER = b"a" * 8, b"b" * 8


class FakeChild(ChildState):
    """A ready child that keeps what it is given."""

    def __init__(self, reactor: Clock) -> None:
        super().__init__(reactor, 0)
        self.given: list[list[bytes]] = []
        self.note_ready()

    def perform(self, oids: list[bytes], tid: bytes | None) -> None:
        self.given.append(oids)
        self.note_given(oids)


class FakePool:
    size = 1

    def __init__(self, child: FakeChild) -> None:
        self.children = {0: child}

    def ready(self) -> list[FakeChild]:
        return list(self.children.values())

    def set_size(self, size: int) -> None:
        pass


@pytest.fixture
def child(reactor: Clock) -> FakeChild:
    return FakeChild(reactor)


@pytest.fixture
def executors(reactor: Clock, child: FakeChild) -> Executors:
    made = Executors(
        reactor, wake=lambda delay=0.0: None, ready=lambda: None, fenced=lambda why: None
    )
    started: list[bytes] = []
    reactor_jobs: Any = SimpleNamespace(
        start=started.append, started=started, report=lambda is_running: SlotReport()
    )
    made.start(lambda *told: FakePool(child), lambda ended: reactor_jobs, 1)
    return made


def test_a_pass_hands_out_once_also_where_it_is_reported_twice(
    executors: Executors, child: FakeChild
) -> None:
    jobs = HandOut({0: [JOB]}, [OTHER], thread_size=1)
    executors.hand_out(jobs, None)  # it is committed
    child.outstanding.clear()  # and over already
    executors.hand_out(jobs, None)  # the pass has returned

    assert child.given == [[JOB]]
    assert executors.reactor_jobs.started == [OTHER]


def test_what_is_cancelled_while_a_pass_claims_it_is_not_begun(
    executors: Executors, child: FakeChild
) -> None:
    """Nobody would stop it any more: its child did not have it when the cancel came."""
    executors.gather(is_running=True)
    executors.cancel(JOB, "jane")
    executors.cancel(OTHER, "jane")
    executors.hand_out(HandOut({0: [JOB]}, [OTHER], thread_size=1), None)
    assert (child.given, executors.reactor_jobs.started) == ([], [])

    given = executors.gather(is_running=True)
    assert given.cancelled == {JOB: "jane", OTHER: "jane"}
    executors.hand_out(HandOut({0: [JOB]}, [OTHER], thread_size=1), None)
    assert (child.given, executors.reactor_jobs.started) == ([[JOB]], [OTHER]), "their callbacks"
