"""An audit of a database in which supervisors and clients are busy: it raises no false alarm."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from ZODB.POSException import ConflictError

from tests.chaos.workload import Workload
from tests.jobs.basic import pass_gate
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import Partial, clock
from zcasync.audit.inspection import inspect
from zcasync.audit.repair import repair
from zcasync.testing.waiting import wait_until

JOBS = 160
#: The least number of audits.
AUDITS = 10
HOUR = timedelta(hours=1)


def end_while_they_wait(client: Client) -> None:
    """Put jobs that are held, and let them end, or be announced again, before they are due."""
    client.sync()
    queue = client.manager.thread
    later = clock.to_datetime(clock.now()) + HOUR
    failed, withdrawn, announced = (
        queue.put(Partial(abs, -1), begin_after=later, begin_by=HOUR) for _ in range(3)
    )
    failed.addCallback(abs)
    announced.addCallback(abs)
    client.commit()
    for change in (
        failed.fail,
        lambda: queue.withdraw(withdrawn),
        lambda: announced.excludedUUIDs.add(next(iter(client.manager.workers))),
    ):
        with suppress(ConflictError):  # a supervisor files it just now
            client.sync()
            change()
            client.commit()
        client.transactions.abort()


def test_a_busy_database_raises_no_false_alarm(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=2).start()
    workload = Workload(instance.new_client(), random.Random(5))
    client, auditor = instance.client, instance.new_client()
    client.put(pass_gate, gate.path)  # claimed for certain when the first audit looks
    gate.wait_for()
    over = threading.Event()
    application = threading.Thread(target=workload.run, args=(over, JOBS), daemon=True)
    application.start()
    claimed = waiting = audits = 0
    while audits < AUDITS or application.is_alive():
        end_while_they_wait(client)
        auditor.sync()
        found = inspect(auditor.connection, auditor.manager).findings
        assert found == [], "\n".join(map(str, found))
        [worker] = auditor.manager.workers.values()
        claimed += len(worker.thread) + len(worker.reactor)
        waiting += len(auditor.manager.thread)
        audits += 1
        gate.open()
    application.join()
    assert not workload.errors
    assert claimed > 0
    assert waiting > 0
    wait_until(lambda: workload.are_done(range(workload.count)), "all jobs to be done")
    workload.close()
    auditor.close()


def test_what_is_lost_under_a_running_supervisor_is_repaired_and_runs(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=1).start()
    client, operator = instance.client, instance.new_client()
    lost = client.put(abs, -7, begin_after=clock.to_datetime(clock.now()) + timedelta(seconds=60))
    for key in list(client.manager.thread.lanes())[1:]:
        del client.manager.thread._lanes[key]
    client.commit()
    operator.sync()
    [found] = inspect(operator.connection, operator.manager).findings
    assert found.oid == lost._p_oid
    client.sync()
    lost._due = clock.now()
    client.commit()
    operator.sync()
    assert repair(operator.connection, operator.manager, found)
    operator.commit()
    operator.close()
    assert client.wait_for(lost) == 7
