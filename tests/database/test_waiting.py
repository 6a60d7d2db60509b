"""Waiting for a storage: pauses that grow, a line when it begins and one when it is over."""

from __future__ import annotations

import pytest
from ZEO.Exceptions import ClientDisconnected

from zcasync.database.waiting import LONGEST_PAUSE, StorageWait


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
