"""The end of a history: one supervisor is left, and has to bring everything to its end."""

from __future__ import annotations

from tests.simulation.clients import Job
from tests.simulation.history import History
from tests.simulation.world import HOUR, PLACES, STEP_SECONDS
from zcasync.interfaces import PENDING

#: Everything must be over after so many steps of time.
REST_STEPS = 400
SURVIVOR = PLACES[0][0].bytes


class Rest:
    """Lets a history come to rest."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._world, self._expected = history.world, history.expected

    def come_to_rest(self) -> None:
        """All but one supervisor die; that one has to bring everything to its end."""
        self._expected.audit.look_deeply()
        self._history.thaw()
        self._expected.schedules.end()
        for worker, supervisor in self._world.supervisors.items():
            if supervisor.is_alive and worker != PLACES[0][0]:
                supervisor.die()
        for step in range(REST_STEPS):
            self._world.start(0)  # also when it was about to stop
            if step == 0:
                self._history.set_size(0, 1)
                self._history.set_size(0, 3, "reactor")
            self._work()
            self._world.advance(STEP_SECONDS)
            if self._is_at_rest():
                break
            if step % 20 == 1:
                # For those that wait for a time that some clock has not reached yet.  What counts
                # from its put waits on when clocks are set, until an engine has come to it.
                self._world.microseconds += 3 * HOUR
        self._judge()

    def _work(self) -> None:
        """Do all that can be done without time."""
        for _ in range(100):
            self._history.end_waits()
            child = self._history._child(0)
            if child is not None:
                child.work()
            elif any(one.threads.waiting for one in self._world.alive()):
                self._history.work_in_reactor(0)
            else:
                break

    def _is_at_rest(self) -> bool:
        if any(map(self._can_run, self._expected.unfinished())):
            return False
        manager = self._expected.manager
        for queue in (manager.thread, manager.reactor):  # there may be some put by jobs
            if any(partial.may_run_on(SURVIVOR) for partial in queue):
                return False
        workers = manager.workers.values()
        return not sum(len(worker.thread) + len(worker.reactor) for worker in workers)

    def _can_run(self, job: Job) -> bool:
        """Whether the last worker may run it, or has to do something else for it."""
        partial = self._world.reader.partial(job.oid)
        return partial.state != PENDING or partial.may_run_on(SURVIVOR)

    def _judge(self) -> None:
        self._expected.look()
        self._expected.audit.look_deeply()
        self._expected.jobs = [job for job in self._expected.jobs if self._can_run(job)]
        self._expected.judge()
