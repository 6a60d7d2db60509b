"""Twenty jobs on two children, and a SIGKILL in their midst: all of them finish, each one once.

With ``TWENTY_JOBS_SECONDS=1`` the jobs take a second each, as in the comparison of job systems that
this repeats; ``--capture=no`` shows how long it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.support.instance import Client, Instance
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: How long a job takes.
JOB_SECONDS = float(os.environ.get("TWENTY_JOBS_SECONDS", "0.3"))
COUNT = 20
#: When so many are done the others are under way or wait.
DONE_BEFORE = 6
#: Without help, within seconds: work for two children, a start, and a slow machine.
FINISH_SECONDS = COUNT * JOB_SECONDS + 40.0
#: Children have to be gone within two seconds.
LEAVE_SECONDS = 20.0


class Twenty:
    """Jobs under way, each of which changes an object of its own."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        client = instance.client
        self.counters = [jobs.Counter() for _ in range(COUNT)]
        client.add("counters", self.counters)
        calls = [Partial(counter.add_slowly, JOB_SECONDS) for counter in self.counters]
        self.partials = client.manager.thread.put_many(calls)
        client.commit()
        client.wait_until(
            lambda: sum(one.value for one in self.counters) >= DONE_BEFORE, "some to be done"
        )
        self.family = instance.descendants()
        self._killed = time.monotonic()

    def catch_a_child_at_work(self) -> psutil.Process:
        """One that has a job in hand, frozen so that it cannot end the job before it is killed.

        Jobs of one length end at one time: there are instants in which no child has a job.
        """
        instance = self.instance

        def catch() -> psutil.Process | None:
            for pid in instance.child_pids("busy"):
                child = psutil.Process(pid)
                child.suspend()
                if pid in instance.child_pids("busy"):
                    return child
                child.resume()
            return None

        return wait_until(catch, "a child at work", seen=instance.evidence)

    def finish(self) -> None:
        """Wait for all of them, without helping, and look what they did."""
        client = self.instance.client
        partials = [client.connection.get(one._p_oid) for one in self.partials]
        assert client.wait_for(*partials, timeout=FINISH_SECONDS) == [1] * COUNT
        assert self.values(client) == [1] * COUNT
        # One for each child that was at a job.
        assert sum(one._interruptions for one in partials) <= 2
        seconds = time.monotonic() - self._killed
        print(f"\n{COUNT} of {COUNT} done {seconds:.1f} s after the kill")

    def values(self, client: Client) -> list[int]:
        """What is in the database."""
        return [counter.value for counter in client.main.root()["counters"]]

    def no_process_is_left(self, family: list[psutil.Process]) -> None:
        """Wait for the processes of the dead to leave, and ask the operator's command."""
        wait_until(
            lambda: all(map(is_gone, family)),
            "the processes of the dead to leave",
            LEAVE_SECONDS,
            lambda: family,
        )
        command = [sys.executable, "-m", "zcasync.cli.main", "ghosts"]
        asked = subprocess.run(
            [*command, "--home", str(self.instance.home)], capture_output=True, text=True
        )
        assert (asked.returncode, asked.stdout) == (0, "no ghosts\n"), asked.stderr


@pytest.fixture
def twenty(make_instance: Callable[..., Instance]) -> Twenty:
    instance = make_instance(children=2).start()
    instance.wait_for_spare()
    return Twenty(instance)


def test_twenty_jobs_finish_when_the_supervisor_is_killed_and_started_again(twenty: Twenty) -> None:
    twenty.instance.kill()
    twenty.instance.start()
    twenty.finish()
    twenty.no_process_is_left(twenty.family)


def test_twenty_jobs_finish_when_a_child_is_killed(twenty: Twenty) -> None:
    victim = twenty.catch_a_child_at_work()
    victim.kill()
    twenty.finish()
    twenty.no_process_is_left([victim])


def test_twenty_jobs_finish_when_every_process_is_killed_and_the_supervisor_starts_again(
    twenty: Twenty,
) -> None:
    server = twenty.instance.status()["server_pid"]
    assert server in [process.pid for process in twenty.family]
    for process in (psutil.Process(twenty.instance.pid), *twenty.family):
        process.suspend()  # so that none of them has time to do something about the others' end
    for process in (psutil.Process(twenty.instance.pid), *twenty.family):
        process.kill()
    twenty.instance.wait()
    twenty.instance.start()
    twenty.finish()
    twenty.no_process_is_left(twenty.family)
