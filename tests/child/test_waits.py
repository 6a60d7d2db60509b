"""What a child tells of its wait: the beginning, a try a second at most, and the end."""

from __future__ import annotations

from ZEO.Exceptions import ClientDisconnected

from tests.support.scenes import Seconds
from zcasync.child.waits import WaitNews
from zcasync.database.waiting import StorageWait
from zcasync.protocol.waits import Wait


class Storage:
    """A database that is away for so many pings."""

    def __init__(self, deaf: int) -> None:
        self.storage = self
        self._deaf = deaf

    def ping(self) -> None:
        if self._deaf:
            self._deaf -= 1
            raise ClientDisconnected("still away")


def test_a_wait_is_told_when_it_begins_once_a_second_and_when_it_ends(seconds: Seconds) -> None:
    told: list[Wait | None] = []
    wait = StorageWait(lambda said: None, seconds.sleep, WaitNews(told.append, seconds))
    wait.db = Storage(deaf=6)  # the pauses before it answers: 0.1 + ... + 0.7 = 2.8 s
    wait(ClientDisconnected("gone"))
    *tries, last = told
    assert last is None
    assert [one.tries for one in tries if one] == [1, 5, 7]
    problems = [one.problem for one in tries if one]
    assert problems == ["ClientDisconnected: gone", *["ClientDisconnected: still away"] * 2]
    assert len({one.since for one in tries if one}) == 1


def test_a_wait_that_goes_on_after_an_answer_counts_on(seconds: Seconds) -> None:
    told: list[Wait | None] = []
    wait = StorageWait(lambda said: None, seconds.sleep, WaitNews(told.append, seconds))
    wait.db = Storage(deaf=0)
    for _ in range(2):
        wait(OSError(28, "No space left on device"))
    wait.works()
    wait(OSError(28, "No space left on device"))
    assert [one and (one.tries, one.is_full) for one in told] == [
        (1, True), None, (2, True), None, (1, True), None,
    ]  # fmt: skip
