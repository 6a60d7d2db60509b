"""Queues of one's own beside thread and reactor: made, found by name, paused, and served."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, Connect, Session
from zcasync import put
from zcasync.errors import UnknownQueue
from zcasync.instance.queue_names import served, served_text
from zcasync.workers.worker import Worker


def test_a_queue_is_made_once_and_found_by_its_name(session: Session) -> None:
    queue = session.manager.add_queue("mail")
    assert session.manager.add_queue("mail") is queue
    assert session.manager.queue("mail") is queue
    assert list(session.manager.queues) == ["thread", "reactor", "mail"]
    session.commit()
    partial = put(session.manager, samples.nothing, queue="mail")
    assert partial.queue is queue
    assert (len(queue), len(session.queue)) == (1, 0)
    assert queue.claim(ONE.bytes, 9).partials == [partial]


def test_thread_and_reactor_are_there_without_being_made(session: Session) -> None:
    assert session.manager.add_queue("thread") is session.manager.thread
    assert session.manager.own_queues is None
    assert "own_queues" not in session.manager.__getstate__()


def test_an_unknown_queue_is_refused_with_the_nearest_name(session: Session) -> None:
    session.manager.add_queue("mail")
    with pytest.raises(UnknownQueue, match="no queue 'mial': did you mean mail"):
        session.manager.queue("mial")
    with pytest.raises(LookupError, match="there are thread, reactor, mail"):
        put(session.manager, samples.nothing, queue="qqq")


@pytest.mark.parametrize("name", ["", "Mail", "1mail", "a b", "a,b", "a:b", "x" * 51, 3, "mäil"])
def test_a_name_is_one_that_commands_can_take(session: Session, name: Any) -> None:
    with pytest.raises(ValueError, match="a queue cannot have the name"):
        session.manager.add_queue(name)


def test_of_two_clients_that_make_the_first_queue_one_is_repeated(connect: Connect) -> None:
    one, two = connect(), connect()
    one.manager.add_queue("mail").put(samples.nothing)
    two.manager.add_queue("mail").put(samples.nothing)
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    two.manager.add_queue("mail").put(samples.nothing)
    two.commit()
    assert len(two.manager.queue("mail")) == 2


@pytest.mark.parametrize(
    ("text", "queues"),
    [
        ("*", None),
        ("", None),
        ("mail", {"mail": None}),
        ("mail:2, thread", {"mail": 2, "thread": None}),
    ],
)
def test_what_a_worker_serves_is_written_as_a_list(text: str, queues: Any) -> None:
    assert served(text) == queues
    assert served(served_text(queues)) == queues


@pytest.mark.parametrize("text", ["mail:", "mail:0", "mail:-1", "mail:x", "mail,mail", "Mail", ","])
def test_a_list_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        served(text)


def test_a_worker_serves_all_queues_until_it_is_told_which() -> None:
    worker = Worker(ONE)
    assert worker.queues is None
    assert "_serves" not in worker.__getstate__()
    worker.queues = "mail:2,thread"
    assert worker.queues == {"mail": 2, "thread": None}
    worker.queues = {"mail": 3}
    assert worker.queues == {"mail": 3}
    worker.queues = None
    assert worker.queues is None
    with pytest.raises(ValueError, match="mail:0"):
        worker.queues = {"mail": 0}
    with pytest.raises(ValueError, match="None means all of them"):
        worker.queues = {}
    for wrong in (5, ["mail"]):
        with pytest.raises(TypeError, match="must be a text such as"):
            worker.queues = wrong


def test_a_pause_is_stored_and_so_is_who_has_paused(session: Session) -> None:
    session.queue.pause()
    for number in range(30):
        session.queue.note_act("jane", f"paused {number}")
    session.commit()
    assert session.queue.is_paused
    assert [what for _, _, what in session.queue.acts] == [f"paused {n}" for n in range(10, 30)]
    session.queue.resume()
    session.queue.resume()
    assert not session.queue.is_paused
    assert "is_paused" not in session.queue.__getstate__()
