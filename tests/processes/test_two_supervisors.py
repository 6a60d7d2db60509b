"""Two supervisors with homes of their own that work for one database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.gates import Gate
from tests.support.instance import SHORT, Instance
from zcasync.partial import Partial


def test_two_supervisors_share_the_work_and_each_job_runs_once(
    folder: Path, make_instance: Callable[..., Instance], gate: Gate, tmp_path: Path
) -> None:
    with database_server(folder) as port:
        config = AT_SERVER.format(port=port) + SHORT
        pair = [make_instance(name, config=config).launch() for name in ("first", "second")]
        first, second = (instance.wait_until_ready() for instance in pair)
        client = first.client
        at_gate = [client.put(jobs.pass_gate, gate.path) for _ in range(2)]
        pids = {gate.wait_for(1), gate.wait_for(2)}
        assert pids == {*first.child_pids(), *second.child_pids()}
        gate.open()
        client.wait_for(*at_gate)
        runs = Gate(tmp_path / "runs")
        many = client.manager.thread.put_many(
            Partial(jobs.arrive, runs.path, number) for number in range(200)
        )
        client.commit()
        assert client.wait_for(*many) == list(range(200))
        assert len(runs.arrivals()) == 200
        assert len(client.manager.workers) == 2
        workers = client.manager.workers.values()
        client.wait_until(
            lambda: sum(len(worker.completed) for worker in workers) == 202,
            "the workers to have retired 202 jobs between them",
        )
        assert first.stop() == second.stop() == 0
