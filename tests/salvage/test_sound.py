"""What is sound stays as it is, whatever else is begun anew."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Session
from zcasync import Partial
from zcasync.job import loadable
from zcasync.job.aside import Missing
from zcasync.queues.lane import Lane
from zcasync.salvage.salvage import salvage
from zcasync.zeo.older import StateLoadError

LATER = datetime.timedelta(hours=1)


def put_of_each_kind(session: Session) -> list[Partial]:
    """Jobs that are filed in a lane: for later or at once, for one worker or another, set aside."""
    queue = session.queue
    partials = []
    for delay in (None, LATER):
        for selected in ((), (TWO,)):
            for excluded in ((), (TWO,)):
                partial = Partial(samples.nothing)
                partial.selectedUUIDs.update(selected)
                partial.excludedUUIDs.update(excluded)
                partials.append(queue.put(partial, delay=delay))
    session.commit()
    queue.claim(ONE.bytes, 0)  # that files nothing
    aside = [queue.put(Partial(samples.nothing)) for _ in range(2)]
    aside[1].selectedUUIDs.add(ONE)
    session.commit()
    for one in queue.claim(ONE.bytes, 100).partials:
        one.assign(None)
        queue.put_aside(one, Missing("shop.remind", "no such function"), 10**12)
    session.commit()
    return [*partials, *aside]


def test_trees_of_all_kinds_are_sound(session: Session) -> None:
    partials = put_of_each_kind(session)
    queue = session.queue
    keys = {key for lane in queue.lanes().values() for key in lane.filed or ()}
    assert len(keys) >= 6, keys
    assert salvage(session.connection) == []
    assert set(queue) == set(partials)


def test_what_cannot_be_loaded_for_want_of_memory_is_no_damage(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.queue.put(Partial(samples.nothing))
    session.commit()
    lane = next(iter(session.queue.lanes().values()))
    lane._p_deactivate()

    def no_room(state: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Lane, "__setstate__", lambda self, state: no_room(state))
    monkeypatch.setattr(loadable, "_has_memory", lambda: False)
    with pytest.raises(StateLoadError):
        salvage(session.connection)
    monkeypatch.setattr(loadable, "_has_memory", lambda: True)
    assert "MemoryError" in str(loadable.why_unloadable(lane))


def test_there_is_room_for_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loadable._has_memory()
    monkeypatch.setattr(loadable, "ROOM_BYTES", 2**62)
    assert not loadable._has_memory()
