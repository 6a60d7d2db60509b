"""Ending what waits: by the pass, so that callbacks run where workers run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import scenes
from tests.support.sessions import TWO, Session
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED
from zcasync.supervisor.poll.cancel import end_waiting
from zcasync.workers.claims import ClaimList
from zcasync.workers.worker import Worker


@pytest.fixture
def session(connect: Callable[[], Session]) -> Session:
    return connect()


@pytest.fixture
def worker(session: Session) -> Worker:
    return scenes.serve(session)


def cancel(
    session: Session, worker: Worker, *partials: Partial, holders: list[ClaimList] | None = None
) -> list[str]:
    done: list[str] = []
    lists = {kind: getattr(worker, kind).lists(1)[0] for kind in ("thread", "reactor")}
    wanted = {partial._p_oid: "somebody" for partial in partials}
    end_waiting(session.connection, worker.incarnation, wanted, lists, done, holders or [])
    session.commit()
    return done


def test_one_that_waits_in_a_queue_ends_and_is_claimed_for_its_callbacks(
    session: Session, worker: Worker
) -> None:
    plain, followed = scenes.put(session, 2)
    followed.addCallback(Partial(abs))
    session.commit()
    done = cancel(session, worker, plain, followed)
    assert (plain.state, followed.state) == (COMPLETED, CALLBACKS)
    assert plain.result.check(AbortedError)
    assert "cancelled by somebody" in plain.result.getErrorMessage()
    assert list(worker.thread) == [plain, followed]
    assert followed.claim is worker.incarnation
    assert len(session.queue) == 0
    assert session.claim() == []
    assert len(done) == 2


def test_one_that_waits_for_another_partial_ends(session: Session, worker: Worker) -> None:
    (partial,) = scenes.put(session)
    scenes.claim(session, worker, [partial])
    partial.wait_for(session.keep(Partial(abs, 1)))
    worker.thread.remove(partial)
    session.commit()
    cancel(session, worker, partial)
    assert (partial.state, partial._waits_for) == (COMPLETED, None)
    assert len(session.queue) == 0


def test_one_that_has_just_begun_to_wait_is_taken_from_the_list_it_is_still_in(
    session: Session, worker: Worker
) -> None:
    other = scenes.serve(session, TWO)
    theirs, stays = scenes.put(session, 2)
    scenes.claim(session, other, [theirs, stays])
    theirs.wait_for(session.keep(Partial(abs, 1)))
    theirs.addCallback(Partial(abs))
    session.commit()
    cancel(session, worker, theirs, holders=[*other.thread._lists, *worker.thread._lists])
    assert (theirs.state, theirs.claim) == (CALLBACKS, worker.incarnation)
    assert (list(worker.thread), list(other.thread)) == ([theirs], [stays])


def test_what_another_worker_has_what_is_over_and_what_is_no_job_is_left_alone(
    session: Session, worker: Worker
) -> None:
    other = scenes.serve(session, TWO)
    theirs, over = scenes.put(session, 2)
    scenes.claim(session, other, [theirs, over])
    scenes.end(over, 4)
    session.commit()
    loose = session.keep(Partial(abs, 1))
    unknown = Partial(abs, 1)
    unknown._p_oid = b"\xff" * 8
    done = cancel(session, worker, theirs, over, loose, unknown, session.root)
    assert (theirs.state, over.result, len(worker.thread)) == (ACTIVE, 4, 0)
    assert done == []
