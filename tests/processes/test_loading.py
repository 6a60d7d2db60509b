"""Loading that never ends, or ends the process: it costs the job that needs it alone."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from persistent.mapping import PersistentMapping

from tests.jobs import basic as jobs
from tests.support.audits import audited
from tests.support.instance import Client, Instance, short_folder
from zcasync import Partial
from zcasync.errors import JobCancelled, JobCrashed, UnstorableError
from zcasync.job.ids import id_of
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

NUMBERS = itertools.count()
#: What is done only in a process that works for a supervisor.
IN_A_WORKER = "import os, time\nHERE = 'ZCASYNC_ENGINE' in os.environ\n"
DEEDS = {
    "hangs": "time.sleep(3600)",
    "holds the interpreter": "sum(iter(int, 1))",
    "ends the process": "os._exit(3)",
    "crashes": "import ctypes; ctypes.string_at(0)",
}
CONFIGURATION = """
<zcasync>
  grace-period 5
  poll-seconds 2
  load-timeout 2
</zcasync>
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Instance, Path]]:
    """A supervisor that waits for no load for long, and the folder of its application."""
    with short_folder() as folder, audited(folder):
        instance = Instance(folder / "home", children=2, config=CONFIGURATION)
        instance.import_path.append(folder)
        try:
            yield instance.start(), folder
        finally:
            instance.end()


@pytest.fixture
def client(shared: tuple[Instance, Path]) -> Iterator[Client]:
    client = shared[0].client
    yield client
    assert client.wait_for(client.put(jobs.echo, "behind")) == (("behind",), {})
    shared[0].require_no_imports()


@pytest.fixture
def application(
    shared: tuple[Instance, Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Makes a module that does something in a worker only."""

    def make(code: str) -> Any:
        name = f"application_{next(NUMBERS)}"
        (shared[1] / f"{name}.py").write_text(IN_A_WORKER + code)
        made = types.ModuleType(name)
        exec(IN_A_WORKER + code, made.__dict__)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


def put_among_others(client: Client, *call: Any, queue: str = "thread", **options: Any) -> Any:
    """Put a call behind and before others, which all run; return it when it is over."""
    client.sync()
    before = client.put(jobs.echo, 1, queue=queue)
    poisoned = client.put(*call, queue=queue, **options)
    behind = [client.put(jobs.echo, number, queue=queue) for number in range(10)]
    client.wait_for(before, *behind, timeout=60)
    client.wait_for(poisoned, timeout=120)
    assert all(one.interruptions == 0 for one in (before, *behind))
    return poisoned


@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
def test_a_module_is_imported_at_the_cost_of_its_job(
    client: Client, application: Callable[[str], Any], deed: str
) -> None:
    module = application(f"def call(): pass\nif HERE: {deed}\n")
    poisoned = put_among_others(client, module.call, retry="never")
    assert poisoned.result.check(JobCrashed)
    assert "interrupted" in poisoned.result.getErrorMessage()


@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
def test_an_argument_is_loaded_at_the_cost_of_its_job(
    client: Client, application: Callable[[str], Any], deed: str
) -> None:
    module = application(
        "class Value:\n    x = 1\n    def __getstate__(self): return {'x': 1}\n"
        f"    def __setstate__(self, state):\n        if HERE: {deed}\n",
    )
    poisoned = put_among_others(client, jobs.echo, module.Value(), retry="never")
    assert poisoned.result.check(JobCrashed)


def test_what_took_too_long_is_said_with_its_stack(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(f"def call(): pass\nif HERE: {DEEDS['hangs']}\n")
    poisoned = client.put(module.call, retry="never")
    client.wait_for(poisoned, timeout=60)
    failure = poisoned.result
    assert "took longer than load-timeout" in failure.getErrorMessage()
    assert f"{module.__name__}.py" in failure.getTraceback()


@pytest.mark.parametrize("queue", ["thread", "reactor"])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
def test_a_result_that_is_not_loaded_again_ends_its_job_once(
    client: Client, application: Callable[[str], Any], tmp_path: Path, deed: str, queue: str
) -> None:
    calls = tmp_path / "calls"
    module = application(
        "class Value:\n    def __getstate__(self): return {'x': 1}\n"
        f"    def __setstate__(self, state):\n        if HERE: {deed}\n"
        f"def call():\n    open({str(calls)!r}, 'a').write('called ')\n    return Value()\n",
    )
    poisoned = put_among_others(client, module.call, queue=queue)
    assert poisoned.result.check(UnstorableError)
    assert "can be pickled but not loaded again: child process" in (
        poisoned.result.getErrorMessage()
    )
    assert calls.read_text() == "called "
    assert poisoned.interruptions == 0


def test_a_class_of_a_stored_argument_is_imported_at_the_cost_of_its_job(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(
        "from persistent import Persistent\nclass Thing(Persistent): pass\n"
        f"if HERE: {DEEDS['ends the process']}\n",
    )
    thing = client.add("thing", module.Thing())
    client.wait_for(*client.put_many(jobs.nothing, 40))  # so that several are claimed at once
    poisoned = Partial(jobs.echo, thing)
    others = [Partial(jobs.nothing) for _ in range(20)]
    client.manager.thread.put_many([*others[:10], poisoned, *others[10:]])
    client.commit()
    client.wait_for(poisoned, *others, timeout=120)
    assert poisoned.result.check(JobCrashed)
    assert [one.failed_before for one in others if one.failed_before] == []


def test_a_reactor_job_is_loaded_by_a_child_first(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(f"def call(): pass\nif HERE: {DEEDS['ends the process']}\n")
    poisoned = put_among_others(client, module.call, queue="reactor")
    assert poisoned.result.check(JobCrashed)
    assert poisoned.result.value.times == 10
    assert "exited with 3" in poisoned.result.getErrorMessage()


def test_an_argument_of_a_reactor_job_that_hangs_holds_up_no_other_and_is_cancelled(
    shared: tuple[Instance, Path], client: Client, application: Callable[[str], Any]
) -> None:
    module = application(
        "class Value:\n    def __getstate__(self): return {'x': 1}\n"
        "    def __setstate__(self, state):\n        if HERE: sum(iter(int, 1))\n",
    )
    poisoned = client.put(jobs.echo, module.Value(), queue="reactor", retry="forever")
    client.wait_for(*(client.put(jobs.echo, number, queue="reactor") for number in range(10)))

    def was_interrupted() -> bool:
        client.sync()
        return bool(poisoned.failed_before)

    wait_until(was_interrupted, 30)
    assert "took longer than load-timeout" in poisoned.failed_before[0].message
    command = [sys.executable, "-m", "zcasync.cli.main", "cancel", id_of(poisoned)]
    done = subprocess.run([*command, "--home", str(shared[0].home)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert client.wait_for(poisoned).check(JobCancelled)


def test_a_callback_of_a_reactor_job_is_loaded_by_a_child_first(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(f"def call(result): pass\nif HERE: {DEEDS['ends the process']}\n")
    partial = Partial(jobs.echo, 1)
    callback = partial.addCallbacks(module.call)
    client.manager.reactor.put(partial)
    client.commit()
    assert client.wait_for(partial, timeout=60).check(JobCrashed)
    assert client.connection.get(callback._p_oid).state == "completed"


def test_what_a_reactor_job_needs_is_loaded_and_it_runs(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(
        "class Value:\n    x = 3\n    def __getstate__(self): return {'x': 4}\n"
        "def call(value): return value.x\n"
    )
    partials = [client.put(module.call, module.Value(), queue="reactor") for _ in range(5)]
    assert client.wait_for(*partials) == [4] * 5


def test_a_result_of_a_reactor_job_that_can_be_loaded_again_is_stored(
    client: Client, application: Callable[[str], Any]
) -> None:
    module = application(
        "class Value:\n    def __init__(self, data, one): self.data, self.one = data, one\n"
        "def call(size, one): return Value(b'x' * size, one)\n"
    )
    thing = client.add("thing", PersistentMapping())
    partial = client.put(module.call, 300_000, thing, queue="reactor")
    value = client.wait_for(partial)
    assert len(value.data) == 300_000
    assert value.one is thing


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_supervisor_or_checker_that_stands_still_in_a_check_holds_up_nothing_for_ever(
    make_instance: Callable[..., Instance], tmp_path: Path, how: signal.Signals
) -> None:
    """SIGKILL: the supervisor dies while a child checks; SIGSTOP: that child is frozen."""
    arrived = tmp_path / "arrived"
    (tmp_path / "waiting_module.py").write_text(
        f"{IN_A_WORKER}if HERE and not os.path.exists({str(arrived)!r}):\n"
        f"    open({str(arrived)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(3600)\n"
        "def call(): return 'called'\n"
    )
    instance = make_instance(config=CONFIGURATION.replace("2\n</", "60\n  frozen-timeout 1\n</"))
    instance.import_path.append(tmp_path)
    client = instance.start().client
    checked = Partial(jobs.nothing)
    checked._call = "waiting_module:call"
    client.manager.reactor.put(checked)
    client.commit()
    pid = int(wait_until(lambda: arrived.exists() and arrived.read_text(), "the check"))
    checker = psutil.Process(pid)
    if how == signal.SIGKILL:
        instance.kill()
        client = instance.start().client
    else:
        os.kill(pid, how)
    found = client.connection.get(checked._p_oid)
    behind = [client.put(jobs.echo, number, queue="reactor") for number in range(3)]
    assert client.wait_for(found, *behind)[0] == "called"
    assert found.interruptions <= 1
    wait_until(lambda: is_gone(checker), "the child that has checked to be gone")
