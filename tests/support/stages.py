"""A stage for acts: a supervisor with real children, and an eye on what acts leave."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.jobs.acts.performing import DONE, ordinary, perform
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.surroundings import seen
from tests.jobs.acts.table import ACTS, BATCH, CALLBACK, THREAD, Act, End
from tests.jobs.basic import Counter, nothing
from tests.support import leftovers
from tests.support.instance import RUNNING, Client, Instance
from tests.support.numbers import Numbers
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

#: No job of an act takes longer, on a machine that is busy with other things: a child has to boot.
OVER_SECONDS = 40.0
#: The jobs after an act, and how long they may take: a second each, and the boot of a child.
JOBS_AFTER = 10
AFTER_SECONDS = JOBS_AFTER * 1.0 + 20.0
#: What is to end with a job, or with its child, is gone within so many seconds.
LEAVE_SECONDS = 15.0

CONFIG = """
<zcasync>
  grace-period 5
  poll-seconds 2
</zcasync>
"""


def put(client: Client, form: str, scene: Scene, names: str, **options: Any) -> Partial:
    """Put a job that performs acts, in one of the forms, and commit."""
    arguments = (scene, names, {"numbers": [1, 2, 3]})
    if form == CALLBACK:
        first = client.manager.thread.put(Partial(nothing))
        made = first.addCallback(Partial(perform, *arguments), retry="default")
        client.commit()
        return made  # type: ignore[no-any-return]
    if form == BATCH:
        calls = [Partial(ordinary, scene.before), Partial(perform, *arguments)]
        calls.append(Partial(ordinary, scene.after))
        made = client.manager.thread.put_many(calls, batch=True, **options)[1]
        client.commit()
        return made  # type: ignore[no-any-return]
    return client.put(perform, *arguments, queue=form, **options)


class Stage:
    """A supervisor in a folder that is begun anew where an act has broken it."""

    def __init__(self, folder: Path, children: int = 1) -> None:
        self._folder, self._children = folder, children
        self._number = 0
        self._instance: Instance | None = None
        self.is_good = True  # nothing has failed on it

    @property
    def instance(self) -> Instance:
        """The supervisor, which runs."""
        if self._instance is None:
            self._number += 1
            made = Instance(self._folder / f"home{self._number}", self._children, CONFIG)
            self._instance = made.start()
        return self._instance

    @property
    def client(self) -> Client:
        """A client of its database."""
        return self.instance.client

    def set(self, folder: Path) -> Scene:
        """Return a new scene, which is stored."""
        return self.client.add("scene", Scene(folder))  # type: ignore[no-any-return]

    def is_over(self, partial: Partial) -> bool:
        """Whether a job has its result, and nothing of it is left to do."""
        self.client.sync()
        return bool(partial.state == COMPLETED)

    def wait_until_over(self, partial: Partial) -> None:
        """Wait for it."""

        def seen() -> str:
            return f"{partial.state}, {partial.interruptions} interruptions; {self.evidence()}"

        wait_until(lambda: self.is_over(partial), "the act to be over", OVER_SECONDS, seen)

    def evidence(self) -> str:
        """What can be seen of the supervisor now."""
        if self.instance.is_alive:
            return self.instance.evidence()
        return f"the supervisor has ended: {self.instance.log[-3000:]}"

    def works(self) -> None:
        """Ten ordinary jobs are done soon, each of them once."""
        counter = self.client.add("after", Counter())
        partials: list[Partial] = []
        for batch in (False, True):  # half of them alone, the others in one commit
            calls = [Partial(ordinary, counter) for _ in range(JOBS_AFTER // 2)]
            partials += self.client.manager.thread.put_many(calls, batch=batch)
        self.client.commit()
        results = self.client.wait_for(*partials, timeout=AFTER_SECONDS)
        assert set(results) == set(range(1, JOBS_AFTER + 1)), results
        assert counter.value == JOBS_AFTER

    def no_copy_is_left(self) -> None:
        """No process is a copy of a child, which a job has forked."""
        wait_until(lambda: not self._copies(), "the copies to be gone", LEAVE_SECONDS, self._copies)

    def renew_children(self) -> None:
        """Let no job see what others have left in a child."""
        self.instance.wait_for_children(self._children)
        for pid in self.instance.child_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def nothing_is_left(self, meant: Collection[int]) -> None:
        """Wait until there is no process but the supervisor's own, and those that are meant."""

        def left() -> list[str]:
            known = self._own_pids() | set(meant)
            strange = [one for one in self.instance.descendants() if one.pid not in known]
            named = [f"{one.pid}: {_words(one)}" for one in strange if _is_alive(one)]
            return [*named, *(one for one in leftovers.left_processes() if _pid(one) not in known)]

        wait_until(lambda: not left(), "the act's processes to be gone", LEAVE_SECONDS, left)
        self.instance.wait_for_children(self._children)

    def numbers_are_as(self, before: Numbers, more: Numbers) -> None:
        """Wait until the supervisor has no more files and threads than before, but for some."""
        wait_until(
            lambda: Numbers.of(self.instance.pid) <= before + more,
            f"the supervisor to have no more than {before}",
            LEAVE_SECONDS,
            lambda: Numbers.of(self.instance.pid),
        )

    def _own_pids(self) -> set[int]:
        """The processes that the supervisor itself has started."""
        return {one.pid for one in psutil.Process(self.instance.pid).children()}

    def _copies(self) -> list[str]:
        known = self._own_pids()
        found = [one for one in self.instance.descendants() if one.pid not in known]
        return [f"{one.pid}: {_words(one)}" for one in found if "-m zcasync.child" in _words(one)]

    def strike(self) -> None:
        """End the supervisor, whatever state it is in, with all that it has started."""
        if self._instance is None:
            return
        instance, self._instance = self._instance, None
        instance.close_client()
        family = instance.descendants()
        if instance.is_alive:
            instance.send(signal.SIGKILL)
            instance.wait()
        RUNNING.discard(instance)
        end(family)
        end([psutil.Process(_pid(one)) for one in leftovers.left_processes()])
        shutil.rmtree(instance.home)

    def close(self) -> None:
        """End the supervisor as operators do."""
        if self._instance is not None:
            instance, self._instance = self._instance, None
            instance.end()


def act_alone(stage: Stage, scene: Scene, name: str, form: str) -> None:
    """Perform an act in a job of its own: it ends as it should, and then the work goes on."""
    act = ACTS[name]
    before = stage.client.wait_for(stage.client.put(seen))
    partial = put(stage.client, form, scene, name)
    stage.wait_until_over(partial)
    # What ends the process in the commit that several share is counted against the first of them.
    how = ended(act, partial, *([End.RIGHT] if form == BATCH and act.once else []))
    assert scene.counter.value == act.effects[how], f"{scene.counter.value} effects, {how}"
    stage.works()
    if form == BATCH:
        assert (scene.before.value, scene.after.value) == (1, 1)
    if form == THREAD:
        after = stage.client.wait_for(stage.client.put(seen))
        assert isinstance(after, dict), after
        assert not {
            name: (before[name], after[name]) for name in before if before[name] != after[name]
        }
    if not act.leaves:
        stage.no_copy_is_left()
    again = put(stage.client, form, scene, name)
    stage.wait_until_over(again)
    ended(act, again, End.RIGHT)  # what is done once is done
    stage.works()
    if act.leaves:
        stage.renew_children()
    stage.nothing_is_left(scene.noted_processes())
    stage.is_good = True  # what comes next can have this one


def ended(act: Act, partial: Partial, *also: End) -> End:
    """Return the end that the job of an act has had.  Raises AssertionError for another one.

    ``also``: ends that it may have besides those of the act.
    """
    if partial.result == DONE:
        found = End.CRASH if partial.interruptions else End.RIGHT
    else:
        assert hasattr(partial.result, "getErrorMessage"), f"the result is {partial.result!r}"
        said = f"{partial.result.type} {partial.result.getErrorMessage()}"
        assert act.error, f"it has failed: {said}"
        assert act.error in said, said
        assert not partial.interruptions, said
        found = End.ERROR
    assert found in (*act.ends, *also), f"it has ended {found.value}"
    return found


def end(processes: list[psutil.Process]) -> None:
    """Kill these processes."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def _pid(named: str) -> int:
    return int(named.partition(":")[0])


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:100]
    except psutil.Error:
        return "gone"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
