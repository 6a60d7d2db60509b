"""Waiting for a storage: pauses that grow, a line when it begins and one when it is over."""

from __future__ import annotations

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.support.scenes import Seconds
from zcasync.database.waiting import LONGEST_PAUSE, LimitedWait, StorageWait


class Storage:
    """Answers a ping once it was asked so many times in vain."""

    def __init__(self, deaf: int) -> None:
        self._deaf = deaf

    @property
    def storage(self) -> Storage:
        return self

    def ping(self) -> None:
        if self._deaf:
            self._deaf -= 1
            raise ClientDisconnected("away")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def wait(pauses: list[float], said: list[str]) -> StorageWait:
    return StorageWait(said.append, pauses.append)


def test_a_storage_wait_returns_when_the_storage_answers(
    wait: StorageWait, pauses: list[float], said: list[str]
) -> None:
    wait.db = Storage(deaf=100)
    wait(ClientDisconnected("gone"))

    assert len(pauses) == 101
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert len(said) == 1
    assert "ClientDisconnected: gone" in said[0]


def test_an_answer_is_not_a_commit(wait: StorageWait, pauses: list[float], said: list[str]) -> None:
    wait.db = Storage(deaf=0)
    for _ in range(3):
        wait(OSError("full"))
    wait.works()
    wait.works()
    wait(OSError("full again"))

    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[3] == pauses[0]
    assert ["full" in one for one in said] == [True, False, True]


def test_a_limited_wait_raises_what_the_storage_raised_when_the_time_is_over(
    pauses: list[float], seconds: Seconds
) -> None:
    error = ClientDisconnected("gone")

    def sleep(pause: float) -> None:
        pauses.append(pause)
        seconds.advance(pause)

    with pytest.raises(ClientDisconnected) as caught:
        LimitedWait(Database(deaf=1000), 10, sleep, seconds)(error)

    assert caught.value is error
    assert sum(pauses) == pytest.approx(10)
    assert max(pauses) <= LONGEST_PAUSE


def test_a_limited_wait_counts_from_its_first_call(seconds: Seconds) -> None:
    wait = LimitedWait(Database(deaf=3), 10, seconds.sleep, seconds)
    wait(ClientDisconnected("gone"))
    seconds.advance(10)

    with pytest.raises(ClientDisconnected):
        wait(ClientDisconnected("gone again"))


class Database:
    """The only one of its application."""

    def __init__(self, deaf: int) -> None:
        self.databases = {"": Storage(deaf)}
