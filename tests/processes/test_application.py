"""The application's set-up, in children and supervisors of a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs import application as app
from tests.support.access_control import users
from tests.support.instance import SHORT, Instance
from zcasync.cli.main import execute
from zcasync.errors import NotRunning
from zcasync.partial import Partial
from zcasync.reports.lingering import NOTE
from zcasync.testing.waiting import wait_until

NAME = "tests.jobs.application"


def configured(name: str) -> str:
    return SHORT.replace("</zcasync>", f"  application {name}\n</zcasync>")


def boot_problem(instance: Instance) -> Any:
    """Why nothing boots, once that is told."""

    def found() -> Any:
        try:
            return instance.status()["boot"]
        except NotRunning:
            return None

    return wait_until(found, "the problem to be told", seen=instance.evidence)


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    return make_instance(config=configured(f'{NAME}:set_up one "two words"')).start()


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_it_is_set_up_once_a_process_before_the_first_job(instance: Instance, queue: str) -> None:
    client = instance.client
    first, second = client.put(app.seen, queue=queue), client.put(app.seen, queue=queue)
    client.wait_for(first, second)
    for one in (first, second):
        found = one.result
        assert found["greeting"] == "hello"
        (told,) = found["set_up"]
        assert told["role"] == {"thread": "child", "reactor": "supervisor"}[queue]
        assert told["home"] == str(instance.home)
        assert told["arguments"] == ["one", "two words"]
        assert told["databases"] == ["unnamed"]
        assert told["is_open"]
        assert told["max_jobs"] == 10_000
        assert (told["pid"] == instance.pid) is (queue == "reactor")


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_each_call_runs_within_its_context_and_so_does_its_commit(
    instance: Instance, queue: str
) -> None:
    client = instance.client
    partial = client.manager.queue(queue).put(app.seen)
    callback = partial.addCallback(Partial(app.around))
    client.commit()
    client.wait_for(partial, callback)
    assert partial.result["around"] == [f"{NAME}.seen"]
    assert partial.result["site"] == f"site of {NAME}.seen"
    assert callback.result == [f"{NAME}.around"]
    client.sync()
    sites = client.manager._p_jar.root()["sites"]
    assert sites[partial.id] == f"site of {NAME}.seen"
    assert sites[callback.id] == f"site of {NAME}.around"


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_coroutine_begins_within_the_context(instance: Instance, queue: str) -> None:
    client = instance.client
    partial = client.put(app.seen_by_a_coroutine, queue=queue)
    client.wait_for(partial)
    assert partial.result["site"] == f"site of {NAME}.seen_by_a_coroutine"


def test_jobs_that_may_share_a_commit_have_contexts_of_their_own(instance: Instance) -> None:
    client = instance.client
    partials = [client.manager.thread.put(app.around, batch=True) for _ in range(10)]
    client.commit()
    client.wait_for(*partials)
    assert [one.result for one in partials] == [[f"{NAME}.around"]] * 10


def test_jobs_share_commits_where_nothing_stands_around_them(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=configured(f"{NAME}.set_up_only")).start()
    client = instance.client
    partials = [client.manager.thread.put(app.around, batch=True) for _ in range(20)]
    client.commit()
    client.wait_for(*partials)
    assert [one.result for one in partials] == [[]] * 20
    client.sync()
    tids = set()
    for one in partials:
        one._p_activate()
        tids.add(one._p_serial)
    assert len(tids) < 20


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_context_that_cannot_be_entered_is_the_jobs_own_error(
    instance: Instance, queue: str
) -> None:
    (instance.home / "refused").write_text("bob")
    client = instance.client
    partial = client.put(app.seen, queue=queue)
    client.wait_for(partial)
    assert partial.result.check(LookupError)
    assert "user bob is gone" in partial.result.getErrorMessage()
    (instance.home / "refused").unlink()
    partial = client.put(app.around, queue=queue)
    client.wait_for(partial)
    assert partial.result == [f"{NAME}.around"]


def test_a_context_that_cannot_be_left_changes_no_result(instance: Instance) -> None:
    (instance.home / "cannot be left").touch()
    client = instance.client
    good, bad = client.put(app.around), client.put(app.fail)
    client.wait_for(good, bad)
    assert good.result == [f"{NAME}.around"]
    assert bad.result.check(KeyError)
    assert "OSError: no way out" in bad.result.getTraceback()
    assert "could not be left" in instance.log


def test_a_child_that_hangs_behind_a_job_that_has_ended_is_told_of(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    def notes() -> list[str]:
        capsys.readouterr()
        assert execute(["status", "--home", str(instance.home), "--json"]) == 0
        (worker,) = json.loads(capsys.readouterr().out)["workers"]
        return [one["note"] for one in worker["children"] if one["state"] == "busy"]

    hangs = instance.home / "hangs behind the call"
    hangs.touch()
    client = instance.client
    client.wait_for(client.put(app.around))
    wait_until(lambda: notes() == [NOTE], "the child to be told of", seen=instance.evidence)
    hangs.unlink()
    wait_until(lambda: notes() == [], "the child to be idle", seen=instance.evidence)


def test_a_job_finds_the_data_manager_of_its_partial(instance: Instance) -> None:
    client = instance.client
    partial = client.manager.thread.put(Partial.bind(app.put_another))
    client.commit()
    client.wait_for(partial)
    other = client.manager.find(partial.result)
    client.wait_for(other)
    assert other.result["greeting"] == "hello"


def test_a_child_whose_databases_a_job_has_closed_is_replaced(instance: Instance) -> None:
    client = instance.client
    before = client.put(app.seen)
    client.wait_for(before)
    closing = client.manager.thread.put(Partial.bind(app.close_database))
    client.commit()
    client.wait_for(closing)
    after = client.put(app.seen)
    client.wait_for(after)
    assert before.result["set_up"][0]["pid"] != after.result["set_up"][0]["pid"]


def test_it_is_closed_when_its_process_ends(instance: Instance) -> None:
    instance.wait_for_spare()
    instance.client.wait_for(instance.client.put(app.seen, queue="reactor"))
    pids = [*instance.child_pids(), instance.pid]
    assert instance.stop() == 0
    for pid in pids:
        assert (instance.home / f"closed-{pid}").exists(), pid


def test_a_supervisor_without_reactor_jobs_does_not_set_it_up(instance: Instance) -> None:
    client = instance.client
    client.wait_for(client.put(app.seen))
    assert instance.stop() == 0
    assert not (instance.home / f"closed-{instance.pid}").exists()


def test_it_is_set_up_for_a_reactor_job_that_is_due_later(instance: Instance) -> None:
    client = instance.client
    partial = client.put(app.around, queue="reactor", delay=3)
    client.wait_for(client.put(app.around))
    assert partial.state == "pending"
    client.wait_for(partial)
    assert partial.result == [f"{NAME}.around"]


def test_one_that_hangs_as_it_is_closed_holds_up_no_stop(instance: Instance) -> None:
    client = instance.client
    client.wait_for(client.put(app.around, queue="reactor"))  # it is set up there
    pid = instance.pid
    (instance.home / "hangs at the end").touch()
    assert instance.stop() == 0
    assert (instance.home / f"closed-{pid}").exists()
    assert "the application did not close in time" in instance.log


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no.such.module", "no module 'no' on the path"),
        (f"{NAME}.nobody", "tests.jobs.application has no 'nobody'"),
        (f"{NAME}.SET_UP", "is a list, which cannot be called"),
    ],
)
def test_one_that_is_not_there_is_told_and_nothing_is_lost(
    make_instance: Callable[..., Instance], name: str, told: str
) -> None:
    instance = make_instance(config=configured(name)).launch()
    found = boot_problem(instance)
    assert told in found["problem"]
    assert found["tries"] >= 1
    partial = instance.client.put(app.around)
    reactor = instance.client.put(app.around, queue="reactor")
    ids = partial.id, reactor.id
    (instance.home / "etc" / "zcasync.conf").write_text(configured(f"{NAME}.set_up"))
    assert instance.stop() == 0
    client = instance.start().client
    again = [client.manager.find(one) for one in ids]
    client.wait_for(*again)
    assert [one.result for one in again] == [[f"{NAME}.around"]] * 2


def test_what_it_raises_is_shown_with_its_traceback_and_tried_again(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=configured(f"{NAME}.set_up"))
    problem = instance.home / "problem"
    problem.write_text("no such catalog")
    instance.launch()
    found = boot_problem(instance)
    partial = instance.client.put(app.around)
    reactor = instance.client.put(app.around, queue="reactor")
    assert "ValueError: no such catalog" in found["problem"]
    assert any("in set_up" in line for line in found["output"]), found
    problem.unlink()
    instance.client.wait_for(partial, reactor, timeout=60)
    assert partial.result == reactor.result == [f"{NAME}.around"]


def test_one_that_only_the_supervisor_was_given_is_told_of_at_the_start(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance()
    instance.launch([*instance.command, "--application", f"{NAME}.set_up"]).wait_until_ready()
    client = instance.client
    partial = client.put(app.around)
    client.wait_for(partial)
    assert partial.result == [f"{NAME}.around"]
    (log,) = (instance.home / "log").glob("zcasync.log")
    assert log.read_text().count("is given by --application alone") == 1


def test_content_without_an_application_is_told_of_by_check_until_the_next_start(
    make_instance: Callable[..., Instance], capsys: pytest.CaptureFixture[str]
) -> None:
    assert users is not None  # it comes first, and leaves no variables behind
    from OFS.Folder import Folder

    instance = make_instance().start()

    def warnings() -> list[str]:
        capsys.readouterr()
        assert execute(["check", "--home", str(instance.home), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["warnings"]
        return [one for one in found if "application" in one]

    client = instance.client
    assert warnings() == []
    folder = client.add("folder", Folder("folder"))
    client.wait_for(client.put(len, folder))
    (told,) = warnings()
    assert told.startswith("builtins.len is called with a OFS.Folder.Folder, an object of Zope")
    assert "zcasync.zope:Application" in told
    assert instance.stop() == 0
    instance.start()
    assert warnings() == []
