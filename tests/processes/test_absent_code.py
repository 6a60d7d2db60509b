"""Code that is not there yet: what calls it waits for a worker that has it, and has not begun."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.instance import SHORT, Client, Instance
from tests.support.json_schema import problems
from zcasync.cli.main import execute
from zcasync.interfaces import DeadlineMissed, MissingCallable
from zcasync.job.ids import id_of
from zcasync.partial import Partial

OLD = "def old(word):\n    return f'old {word}'\n"
NEW = (
    OLD
    + """
from persistent import Persistent


class Page(Persistent):
    def __init__(self, title):
        self.title = title

    def shout(self):
        return self.title.upper()


def title_of(page):
    return page.title


class Order:
    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number


def new(word):
    return f'new {word}'


def number_of(orders):
    return [order.number for order in orders]


def gentle(partial):
    from zcasync.retry.stock import RetryCommonFourTimes

    return RetryCommonFourTimes(partial)


def fails(result):
    return f'followed {result}'
"""
)


class Release:
    """A module of an application, in a folder for each process that has a release of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder

    def place(self, name: str) -> Path:
        """Return a folder to import from."""
        found = self.folder / name
        found.mkdir(exist_ok=True)
        return found

    def deploy(self, name: str, code: str) -> Path:
        """Write the module's code into a folder; return the folder."""
        (self.place(name) / f"{self.name}.py").write_text(code)
        return self.place(name)


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The new release of a module that workers do not have yet, as the web server has it."""
    release = Release(folder, "absent_shop")
    monkeypatch.syspath_prepend(str(release.deploy("web", NEW)))
    module = importlib.import_module(release.name)
    module.release = release  # type: ignore[attr-defined]
    yield module
    del sys.modules[release.name]


@pytest.fixture
def instance(make_instance: Callable[..., Instance], shop: Any) -> Instance:
    """A worker that imports from a folder of its own, which is empty."""
    made = make_instance("worker", config=SHORT)
    made.import_path.append(shop.release.place("worker"))
    return made


def wait_until_aside(client: Client, *partials: Partial) -> None:
    """Wait until jobs are set aside, not begun."""
    client.wait_until(
        lambda: all(one.aside is not None and one.state == "pending" for one in partials),
        "jobs to be set aside",
    )


def test_a_call_of_a_module_that_is_not_there_runs_once_it_is(
    instance: Instance, shop: Any
) -> None:
    client = instance.start().client
    early = client.put(shop.new, "early")
    late = client.put(shop.new, "late")
    wait_until_aside(client, early, late)
    assert client.wait_for(client.put(jobs.echo, "behind")) == (("behind",), {})
    assert (early.attempts, early.was_begun, early.failed_before) == (0, False, [])
    assert early.aside.name == "absent_shop"
    assert early.aside.text.startswith("no such function here: absent_shop.new (No module named")
    assert instance.log.count("is set aside") == 1
    instance.kill()
    shop.release.deploy("worker", NEW)
    client = instance.start().client
    early, late = (client.connection.get(one._p_oid) for one in (early, late))
    assert client.wait_for(early, late) == ["new early", "new late"]
    assert (early.attempts, early.interruptions, early.aside) == (1, 0, None)


def test_whatever_a_call_lacks_it_waits_for(instance: Instance, shop: Any) -> None:
    shop.release.deploy("worker", OLD)
    client = instance.start().client
    put, echo = client.put, (("x",), {})
    lacking = {
        "function": (put(shop.new, "x"), "new x", "absent_shop.new"),
        "batch": (put(shop.new, "x", batch=True), "new x", "absent_shop.new"),
        "once": (put(shop.new, "x", retry="never"), "new x", "absent_shop.new"),
        "detached": (put(shop.new, "x", detached=True), "new x", "absent_shop.new"),
        "reactor": (put(shop.new, "x", queue="reactor"), "new x", "absent_shop.new"),
        "class": (put(shop.number_of, [shop.Order(7)]), [7], "absent_shop.Order"),
        "policy": (put(jobs.echo, "x", retry=shop.gentle), echo, "absent_shop.gentle"),
    }
    with_callback = Partial(jobs.echo, "x")
    callback = with_callback.addCallbacks(shop.fails)
    client.manager.thread.put(with_callback)
    client.commit()
    partials = [one for one, *_ in lacking.values()]
    wait_until_aside(client, *partials)
    client.wait_until(lambda: with_callback.aside, "a job with its callbacks to be set aside")
    assert [one.aside.name for one in partials] == [name for *_, name in lacking.values()]
    assert {one.attempts for one in partials} == {0}
    assert with_callback.state == "callbacks"
    assert client.wait_for(put(shop.old, "y")) == "old y"
    assert instance.stop() == 0
    shop.release.deploy("worker", NEW)
    client = instance.start().client
    get = client.connection.get
    client.wait_for(*(get(one._p_oid) for one in (*partials, with_callback)))
    results = {name: get(one._p_oid).result for name, (one, *_) in lacking.items()}
    assert results == {name: result for name, (_, result, _) in lacking.items()}
    assert get(callback._p_oid).result == f"followed {echo}"
    assert {get(one._p_oid).attempts for one in partials} == {1}


def test_the_worker_that_has_the_code_takes_what_the_other_one_has_set_aside(
    folder: Path, make_instance: Callable[..., Instance], shop: Any
) -> None:
    with database_server(folder) as port:
        config = AT_SERVER.format(port=port) + SHORT
        without, having = (make_instance(name, config=config) for name in ("without", "having"))
        without.import_path.append(shop.release.deploy("old", OLD))
        having.import_path.append(shop.release.deploy("new", NEW))
        client = without.start().client
        partials = [client.put(shop.new, number) for number in range(30)]
        only_here = Partial(shop.new, "here")
        only_here.selectedUUIDs.add(client.worker(without.home).UUID)
        client.manager.thread.put(only_here)
        client.commit()
        wait_until_aside(client, *partials, only_here)
        having.start()
        assert client.wait_for(*partials) == [f"new {number}" for number in range(30)]
        partials = [client.put(shop.new, number) for number in range(30)]
        assert client.wait_for(*partials) == [f"new {number}" for number in range(30)]
        worker = client.worker(having.home)
        assert {one.claim.worker for one in partials} == {worker.UUID}
        assert only_here.state == "pending"
        assert without.stop() == having.stop() == 0


def test_a_child_that_has_the_code_takes_what_the_one_before_it_could_not(
    instance: Instance, shop: Any
) -> None:
    shop.release.deploy("worker", OLD)
    client = instance.start().client
    assert client.wait_for(client.put(shop.old, "x")) == "old x"
    partials = [client.put(shop.new, number) for number in range(3)]
    wait_until_aside(client, *partials)
    shop.release.deploy("worker", NEW)
    os.kill(instance.child_pids()[0], signal.SIGKILL)
    assert client.wait_for(*partials) == [f"new {number}" for number in range(3)]
    assert {one.attempts for one in partials} == {1}
    assert "absent_shop.new is there now" in instance.log


def test_a_module_that_appears_is_found_without_a_restart(instance: Instance, shop: Any) -> None:
    client = instance.start().client
    partials = [client.put(shop.new, number) for number in range(3)]
    wait_until_aside(client, *partials)
    shop.release.deploy("worker", NEW)
    assert client.wait_for(*partials) == [f"new {number}" for number in range(3)]


@pytest.mark.parametrize("queue", ["thread", "reactor"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["lives on", "is restarted"])
def test_calls_with_stored_objects_of_an_add_on_wait_for_it(
    instance: Instance, shop: Any, queue: str, is_restarted: bool
) -> None:
    client = instance.start().client
    page, held = client.add("page", shop.Page("front")), client.add("held", shop.Page("held"))
    titles = client.put(jobs.echo, page, queue=queue)
    shouts = client.put(page.shout, queue=queue)
    nested = client.put(shop.title_of, held, queue=queue)
    wait_until_aside(client, titles, shouts, nested)
    assert titles.aside.name == "absent_shop.Page"
    assert titles.aside.text.startswith("no such class here: absent_shop.Page")
    assert {one.attempts for one in (titles, shouts, nested)} == {0}
    ids = [one.id for one in (titles, shouts, nested)]
    if is_restarted:
        assert instance.stop() == 0
    shop.release.deploy("worker", NEW)
    client = (instance.start() if is_restarted else instance).client
    found = [client.manager.find(one) for one in ids]
    _, shouted, title = client.wait_for(*found, timeout=90)
    assert (shouted, title) == ("FRONT", "held")


def test_a_wait_for_code_has_an_end(
    folder: Path, make_instance: Callable[..., Instance], shop: Any
) -> None:
    limit = SHORT.replace("grace-period 5", "grace-period 5\n  set-aside-limit 0.00002")
    client = make_instance("impatient", config=limit).start().client
    with_callback = Partial(jobs.echo, "x")
    callback = with_callback.addCallbacks(shop.fails)
    client.manager.thread.put(with_callback)
    in_reactor = client.put(shop.new, "x", queue="reactor")
    partial = client.put(shop.new, "x")
    for one in (partial, in_reactor):
        failure = client.wait_for(one)
        assert failure.type is MissingCallable
        assert "no such function here: absent_shop.new" in failure.getErrorMessage()
        assert one.attempts == 0
    client.wait_for(with_callback)
    assert callback.result.type is MissingCallable


def test_what_is_set_aside_is_ended_by_its_deadline_and_by_people(
    instance: Instance, shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = instance.start().client
    late = client.put(shop.new, "late", begin_by=timedelta(seconds=2))
    cancelled, discarded = client.put(shop.new, "not"), client.put(shop.new, "wanted")
    wait_until_aside(client, cancelled, discarded)
    assert client.wait_for(late).type is DeadlineMissed
    for command in ("cancel", "discard"):
        one = cancelled if command == "cancel" else discarded
        done = execute([command, id_of(one), "--home", str(instance.home)])
        assert done == 0, capsys.readouterr()
    client.sync()
    assert (cancelled.state, discarded.queue) == ("completed", None)
    assert len(client.manager.thread) == 0


def test_a_module_lacks_something_or_fails(instance: Instance, shop: Any) -> None:
    shop.release.deploy("worker", "import nothing_of_this_name\n")
    client = instance.start().client
    partial = client.put(shop.new, "x")
    wait_until_aside(client, partial)
    assert partial.aside.name == "nothing_of_this_name"
    assert "(No module named 'nothing_of_this_name')" in partial.aside.text
    shop.release.deploy("worker", "1 / 0\n")
    os.kill(instance.child_pids()[0], signal.SIGKILL)
    failure = client.wait_for(partial)
    assert failure.type is MissingCallable
    assert "ZeroDivisionError" in failure.getErrorMessage()


def test_people_are_told_what_is_set_aside(
    instance: Instance, shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = instance.start().client
    partials = [client.put(shop.new, number) for number in range(3)]
    wait_until_aside(client, *partials)
    oid = id_of(partials[0])

    def said(*arguments: str) -> str:
        capsys.readouterr()
        code = execute([*arguments, "--home", str(instance.home)])
        out, err = capsys.readouterr()
        assert (code, err) == (1 if "--check" in arguments else 0, "")
        return out

    assert "3 thread jobs set aside: no worker has absent_shop" in said("status")
    document = json.loads(said("status", "--json"))
    assert problems(document, "status") == []
    queue = document["queues"]["thread"]
    assert (queue["due"], queue["set_aside"], queue["oldest_due"]) == (0, 3, None)
    assert queue["missing"] == [{"name": "absent_shop", "jobs": 3}]
    line = said("status", "--check")
    assert line.startswith("ZCASYNC WARNING - 3 jobs are set aside: no worker has absent_shop")
    why = "set aside: no such function here: absent_shop.new"
    assert said("jobs").count("set aside: no such function here") == 3
    listed = json.loads(said("jobs", "--json"))["jobs"]
    assert [one["reason"].startswith(why) for one in listed] == [True] * 3
    shown = said("job", oid)
    assert why in shown
    assert "Set aside     since " in shown
    told = json.loads(said("job", oid, "--json"))
    assert problems(told, "job") == []
    assert told["set_aside"]["missing"] == "absent_shop"
    since, until = (datetime.fromisoformat(told["set_aside"][at]) for at in ("since", "until"))
    assert until - since == timedelta(days=7)
    with pytest.raises(TimeoutError, match=r"is pending \(set aside: no such function here: abs"):
        partials[0].wait(0.1)
    assert execute(["retry", oid, "--home", str(instance.home)]) == 1
    assert "set aside, and runs by itself where its code is there" in capsys.readouterr().err
    client.manager.thread.discard(partials)
    client.commit()
    assert json.loads(said("status", "--json"))["queues"]["thread"]["set_aside"] == 0
