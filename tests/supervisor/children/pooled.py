"""A pool of fake children, and what it tells its engine."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from tests.supervisor.children.fake_children import FakeProcess, FakeStarter
from zcasync.instance.settings import Settings
from zcasync.liveness.death import Death
from zcasync.supervisor.children.pool import Pool
from zcasync.supervisor.children.process_info import ProcessInfo

BOOT_TIMEOUT = 10.0
USUAL = ProcessInfo(50 * 2**20, is_stopped=False)


class Pooled:
    """A pool and what it tells its engine."""

    def __init__(self, reactor: Clock, boots: int = 100, **settings: Any) -> None:
        self.reactor = reactor
        self.starter = FakeStarter(reactor)
        self.changed: list[int] = []
        self.deaths: list[tuple[int, Death, bool]] = []
        self.pool = Pool(
            reactor,
            self.starter,
            lambda: "spec",
            Settings(**{"boot_timeout": BOOT_TIMEOUT, "spare": False, **settings}),
            lambda child: self.changed.append(child.slot),
            lambda *death: self.deaths.append(death),
            lambda pid: self.vitals.get(pid, USUAL),
            boots,
        )
        self.vitals: dict[int, ProcessInfo] = {}

    @property
    def started(self) -> list[FakeProcess]:
        return self.starter.started

    def settle(self) -> None:
        """Let what was said to children arrive, and those that end be gone."""
        self.reactor.advance(0)

    def perform(self, oids: list[bytes], slot: int = 0) -> Any:
        """Give a child jobs; the child."""
        child = self.pool.children[slot]
        child.perform(oids)
        self.settle()
        return child

    def boot(self, size: int) -> list[FakeProcess]:
        """So many children, all of them ready."""
        self.pool.set_size(size)
        for process in self.started[:size]:
            process.ready()
        return self.started[:size]

    def live(self, seconds: int) -> None:
        """Let time pass; each child that is started meanwhile gets ready."""
        for _ in range(seconds):
            self.reactor.advance(1)
            for process in self.started:
                if not process.was_ready and not process.is_gone:
                    process.ready()

    def stop(self, grace: float) -> list[Any]:
        """Becomes non-empty when every child is gone."""
        over: list[Any] = []
        self.pool.stop(grace).addCallback(over.append)
        self.settle()
        return over

    def timers(self) -> list[Any]:
        """What is going to happen, besides the next look at the children."""
        calls = self.reactor.getDelayedCalls()
        return [call for call in calls if call.func.__name__ != "_sample_all"]

    def states(self) -> dict[int, str]:
        return {slot: child.state for slot, child in self.pool.children.items()}
