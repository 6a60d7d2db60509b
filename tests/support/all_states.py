"""A database with two hundred jobs of all states, as a dead engine has left it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from tests.jobs import basic as jobs
from tests.support.scenes import claim, end, gone, serve
from tests.support.sessions import ONE, Session
from zcasync import Partial, clock
from zcasync.job.failure import from_exception
from zcasync.liveness.interruption import cancel

#: How many there are of each.
COUNTS = {
    "pending": 60, "held": 30, "for others": 10, "active": 25, "waiting": 10, "callbacks": 10,
    "completed": 25, "failed": 15, "cancelled": 15,
}  # fmt: skip
HOUR = timedelta(hours=1)
ELSEWHERE = uuid.UUID(int=99)


def fill(session: Session, worker: uuid.UUID = ONE) -> dict[str, list[bytes]]:
    """Put them, and do what workers did; the oids of the jobs by what they are."""
    made: dict[str, list[Partial]] = {}
    home = serve(session, worker, identity=gone())
    session.manager.quotas.set("solr", limit=100)
    made["active"] = _put(session, COUNTS["active"], quota="solr")
    for kind in ("waiting", "callbacks", "completed", "failed", "cancelled"):
        made[kind] = _put(session, COUNTS[kind])
    for one in made["callbacks"]:
        one.addCallbacks(jobs.echo)
    session.commit()
    claim(session, home, [one for some in made.values() for one in some])
    waited_for = _put(session, COUNTS["waiting"])
    for one, other in zip(made["waiting"], waited_for, strict=True):
        one.annotations["why"] = "it waits"
        one.wait_for(other)
    for number, one in enumerate(made["active"][:5]):
        one.record_attempt(1, clock.now(), 0, 1)
        one.remember(from_exception(ValueError(f"attempt {number}")), clock.now())
    for kind in ("callbacks", "completed"):
        for one in made[kind]:
            end(one, {"found": 1})
    for one in made["failed"]:
        end(one, from_exception(ValueError("it failed")))
    for one in made["cancelled"]:
        cancel(one, "an operator", [])
    over = [*made["completed"], *made["failed"], *made["cancelled"]]
    home.completed.extend(over)
    _keep(home, [*made["active"], *made["callbacks"]])
    session.commit()
    made["pending"] = _put(session, COUNTS["pending"], quota="solr")
    made["held"] = _put(session, COUNTS["held"], held=True)
    made["for others"] = _put(session, COUNTS["for others"])
    for one in made["for others"]:
        one.selectedUUIDs.add(ELSEWHERE)
    session.commit()
    session.queue.claim(worker.bytes, 0)
    return {kind: [one._p_oid for one in some] for kind, some in made.items()}


def _put(
    session: Session, count: int, held: bool = False, quota: str | None = None
) -> list[Partial]:
    after = clock.to_datetime(clock.now()) + HOUR if held else None
    put = session.queue.put
    made = [
        put(Partial(jobs.echo, number), begin_after=after, quota=quota) for number in range(count)
    ]
    session.commit()
    return made


def _keep(worker: object, partials: Sequence[Partial]) -> None:
    """Let only these be claimed, some in each of two lists."""
    first, second = worker.thread.lists(2)[:2]  # type: ignore[attr-defined]
    first.items, second.items = tuple(partials[::2]), tuple(partials[1::2])
