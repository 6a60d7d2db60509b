"""An engine is kept running for a worker, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from ZEO.Exceptions import ClientDisconnected, ServerException

from tests.support.scenes import Said
from zcasync.errors import FencedError
from zcasync.instance.lock import AlreadyServed
from zcasync.liveness.watch import PAUSE_SECONDS
from zcasync.supervisor.keeper import RETRY_SECONDS, EngineKeeper
from zcasync.supervisor.registration import ServedElsewhere


class FakeEngine:
    """``problem``: what its start fails with; ``registering``: what it waits for."""

    def __init__(
        self,
        lost: Callable[[BaseException], None],
        problem: Exception | None,
        registering: Deferred[None] | None,
    ) -> None:
        self.lost = lost
        self.calls: list[str] = []
        self.abandoned: Deferred[None] = Deferred()
        self.wanted: dict[bytes, str] = {}
        self._problem = problem
        self._registering = registering

    def start(self) -> Deferred[None]:
        self.calls.append("start")
        if self._registering is not None:
            return self._registering
        return succeed(None) if self._problem is None else fail(self._problem)

    def stop(self) -> Deferred[None]:
        self.calls.append("stop")
        return succeed(None)

    def abandon(self) -> Deferred[None]:
        self.calls.append("abandon")
        return self.abandoned

    def hand_over_cancelled(self) -> dict[bytes, str]:
        return self.wanted

    def cancel(self, oid: bytes, who: str) -> str:
        self.wanted[oid] = who
        return "" if "start" in self.calls else "it does not run"


class Kept:
    """A keeper and the engines that it has made; the first ones fail with ``problems``."""

    def __init__(self, reactor: Clock) -> None:
        self.engines: list[FakeEngine] = []
        self.started: list[FakeEngine] = []
        self.problems: list[Exception] = []
        self.registering: Deferred[None] | None = None  # what the start of an engine waits for
        self.keeper: Any = EngineKeeper(reactor, self._make, self.started.append)

    def _make(self, lost: Callable[[BaseException], None]) -> Any:
        problem = self.problems.pop(0) if self.problems else None
        self.engines.append(FakeEngine(lost, problem, self.registering))
        return self.engines[-1]


@pytest.fixture
def kept(reactor: Clock) -> Kept:
    return Kept(reactor)


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """Becomes non-empty when it fires."""
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


def test_an_engine_is_started_and_stopped(kept: Kept) -> None:
    assert outcome(kept.keeper.start()) == [None]
    assert kept.started == kept.engines == [kept.keeper.engine]

    assert outcome(kept.keeper.stop()) == [None]
    assert kept.engines[0].calls == ["start", "stop"]


def test_a_worker_that_is_served_on_this_machine_is_not_waited_for(kept: Kept) -> None:
    kept.problems = [AlreadyServed("stop it first")]

    (failure,) = outcome(kept.keeper.start())
    assert failure.type is AlreadyServed
    assert len(kept.engines) == 1


def test_a_worker_that_is_served_elsewhere_is_waited_for_and_that_is_logged_once(
    kept: Kept, reactor: Clock, said: Said
) -> None:
    kept.problems = [ServedElsewhere("it is served by far")] * 3
    started = outcome(kept.keeper.start())
    reactor.pump([PAUSE_SECONDS] * 2)
    assert started == kept.started == []

    reactor.advance(PAUSE_SECONDS)
    assert started == [None]
    assert len(kept.engines) == 4
    assert said.lines == ["it is served by far"]


def test_a_storage_that_cannot_take_the_registration_is_waited_for(
    kept: Kept, reactor: Clock, said: Said
) -> None:
    kept.problems = [ClientDisconnected("away"), ServerException("full"), OSError("full")]
    fired = outcome(kept.keeper.start())
    for _ in range(3):
        assert fired == []
        reactor.advance(PAUSE_SECONDS)

    assert fired == [None]
    assert kept.started == [kept.engines[3]]
    assert len(said.about("no engine yet")) == 1


def test_a_stop_ends_the_wait(kept: Kept, reactor: Clock) -> None:
    kept.problems = [ServedElsewhere("far")] * 3
    started = outcome(kept.keeper.start())
    kept.keeper.stop()
    reactor.advance(PAUSE_SECONDS)

    assert started == [None]
    assert len(kept.engines) == 1
    assert kept.started == []


def test_an_engine_that_is_stopped_while_it_starts_does_not_count_as_started(kept: Kept) -> None:
    registered: Deferred[None] = Deferred()
    kept.registering = registered
    started = outcome(kept.keeper.start())
    kept.keeper.stop()
    registered.callback(None)

    assert (started, kept.started) == ([None], [])


def test_a_lost_engine_is_abandoned_and_replaced(kept: Kept) -> None:
    kept.keeper.start()
    first = kept.engines[0]
    first.lost(FencedError("it was buried"))
    first.lost(FencedError("once more"))
    assert kept.engines == [first], "not before the first has let go"

    first.abandoned.callback(None)
    assert first.calls == ["start", "abandon"]
    assert kept.started == kept.engines
    assert len(kept.engines) == 2


def test_a_replacement_can_be_lost_too(kept: Kept) -> None:
    kept.keeper.start()
    for number in range(3):
        kept.engines[number].lost(FencedError("it was buried"))
        kept.engines[number].abandoned.callback(None)

    assert len(kept.started) == 4


def test_a_replacement_that_cannot_start_is_tried_again(kept: Kept, reactor: Clock) -> None:
    kept.keeper.start()
    kept.problems = [OSError("no storage"), OSError("no storage")]
    kept.engines[0].lost(FencedError("it was buried"))
    kept.engines[0].abandoned.callback(None)
    reactor.pump([RETRY_SECONDS] * 2)

    assert len(kept.engines) == 4
    assert kept.started == [kept.engines[0], kept.engines[3]]


def test_an_engine_that_is_lost_while_it_stops_is_not_replaced(kept: Kept) -> None:
    kept.keeper.start()
    kept.keeper.stop()
    kept.engines[0].lost(FencedError("it was buried"))

    assert kept.engines[0].calls == ["start", "stop"]


def test_a_stop_during_the_renewal_makes_no_new_engine(kept: Kept, reactor: Clock) -> None:
    kept.keeper.start()
    kept.problems = [OSError("no storage")]
    kept.engines[0].lost(FencedError("it was buried"))
    kept.engines[0].abandoned.callback(None)
    outcome(kept.keeper.stop())
    reactor.advance(RETRY_SECONDS)

    assert len(kept.engines) == 2
    assert reactor.getDelayedCalls() == []


def test_a_stop_while_the_lost_engine_leaves_is_no_trouble(kept: Kept, said: Said) -> None:
    kept.keeper.start()
    kept.engines[0].lost(FencedError("it was buried"))
    outcome(kept.keeper.stop())

    assert len(kept.engines) == 1
    assert said.about("while renewing") == []


def test_what_was_to_be_cancelled_is_so_once_there_is_an_engine(kept: Kept, reactor: Clock) -> None:
    kept.keeper.start()
    kept.problems = [OSError("no storage")]
    kept.engines[0].cancel(b"1" * 8, "jane")
    kept.engines[0].lost(FencedError("it was buried"))
    kept.engines[0].abandoned.callback(None)
    reactor.advance(PAUSE_SECONDS)

    assert [one.wanted for one in kept.engines[1:]] == [{}, {b"1" * 8: "jane"}]
