"""The ends of short jobs are told together, soon, and before whatever comes next."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from zcasync.child.reply_buffer import SHORT_MICROSECONDS, WAIT_SECONDS, ReplyBuffer
from zcasync.protocol.outcomes import Completion, Ended, Ending


class Reactor(Clock):
    """A clock whose other threads call at once."""

    def callFromThread(self, call: object, *args: object) -> None:
        assert callable(call)
        call(*args)


class Box(ReplyBuffer):
    """One whose sending is noted."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.sent: list[Ended] = []
        super().__init__(self.reactor, self.sent.append)

    def end(
        self, name: bytes, took: int = 100, ending: Ending = Ending.COMPLETED, last: bool = False
    ) -> None:
        completions = [Completion(took)] if ending == Ending.COMPLETED else []
        self.add(Ended([name], ending, took, "", completions), is_last=last)


@pytest.fixture
def box() -> Box:
    return Box()


def test_the_last_ending_takes_along_those_that_have_waited(box: Box) -> None:
    box.end(b"a", 100)
    box.end(b"b", 300)
    assert box.sent == []
    box.end(b"c", 500, last=True)
    completions = [Completion(100), Completion(300), Completion(500)]
    assert box.sent == [Ended([b"a", b"b", b"c"], Ending.COMPLETED, 300, "", completions)]
    box.reactor.advance(1)
    assert len(box.sent) == 1
    assert box.reactor.getDelayedCalls() == []


def test_an_ending_does_not_wait_long(box: Box) -> None:
    box.end(b"a")
    box.reactor.advance(WAIT_SECONDS / 2)
    box.end(b"b")
    assert box.sent == []
    box.reactor.advance(WAIT_SECONDS / 2)
    assert [one.oids for one in box.sent] == [[b"a", b"b"]]
    box.end(b"c")
    box.reactor.advance(WAIT_SECONDS)
    assert [one.oids for one in box.sent] == [[b"a", b"b"], [b"c"]]


def test_the_ending_of_a_long_job_is_sent_at_once(box: Box) -> None:
    box.end(b"a", SHORT_MICROSECONDS + 1)
    assert [one.oids for one in box.sent] == [[b"a"]]


def test_endings_of_different_kinds_are_sent_apart_and_in_order(box: Box) -> None:
    box.end(b"a")
    box.end(b"b", ending=Ending.SETTLED)
    box.end(b"c")
    box.end(b"d")
    box.flush()
    told = [(one.oids, one.ending, one.completions) for one in box.sent]
    assert told == [
        ([b"a"], Ending.COMPLETED, [Completion(100)]),
        ([b"b"], Ending.SETTLED, []),
        ([b"c", b"d"], Ending.COMPLETED, [Completion(100)] * 2),
    ]


def test_an_empty_buffer_sends_nothing(box: Box) -> None:
    box.flush()
    assert box.sent == []
