"""Isolated jobs: each begins in a child of its own, and nothing else does in that one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs import surroundings_acts as acts
from tests.support.instance import SHORT, Instance
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

ISOLATED = SHORT.replace("</zcasync>", "  isolate job\n</zcasync>")
WITHOUT_SPARE = SHORT.replace("</zcasync>", "  spare no\n</zcasync>")

#: Children are booted one after the other, on a machine that may be busy.
BOOTS_SECONDS = 120.0


@pytest.fixture(params=[SHORT, WITHOUT_SPARE], ids=["spare", "no spare"])
def instance(make_instance: Callable[..., Instance], request: pytest.FixtureRequest) -> Instance:
    return make_instance(config=request.param).start()


def go_on(instance: Instance) -> None:
    """Ten further jobs are done, in one child; no child has ended without having done anything."""
    client = instance.client
    partials = [client.manager.thread.put(Partial(acts.begun, "after")) for _ in range(10)]
    client.commit()
    client.wait_for(*partials, timeout=BOOTS_SECONDS)
    assert len({one.result[0] for one in partials}) == 1
    assert instance.status()["boot_problem"] is None


def test_an_isolated_job_is_alone_in_its_process_whatever_is_put_around_it(
    instance: Instance,
) -> None:
    client, queue = instance.client, instance.client.manager.thread
    client.wait_for(client.put(acts.begun, "warm"))
    partials = [
        queue.put(Partial(acts.begun, f"{number}"), isolate=number in (3, 4, 8))
        for number in range(12)
    ]
    client.commit()
    client.wait_for(*partials, timeout=BOOTS_SECONDS)
    processes = Counter(one.result[0] for one in partials)
    for number, one in enumerate(partials):
        if number in (3, 4, 8):
            pid, before = one.result
            assert before == []
            assert processes[pid] == 1
            wait_until(lambda pid=pid: is_gone(pid), "its child to end", seen=instance.evidence)
        assert one.attempts == 1
        assert one.interruptions == 0
    go_on(instance)


def test_its_callbacks_run_in_the_same_process(instance: Instance) -> None:
    client = instance.client
    client.wait_for(client.put(acts.begun, "warm"))
    partial = client.manager.thread.put(Partial(acts.begun, "one"), isolate=True)
    called = partial.addCallback(Partial(acts.begun_after, "two"))
    client.commit()
    client.wait_for(partial, called, timeout=BOOTS_SECONDS)
    assert partial.result[1] == []
    assert called.result == (partial.result[0], ["one"])
    go_on(instance)


def test_after_a_death_it_begins_again_in_a_child_of_its_own(
    instance: Instance, tmp_path: Path
) -> None:
    client = instance.client
    client.wait_for(client.put(acts.begun, "warm"))
    partial = client.put(acts.dies_first, str(tmp_path / "died"), "one", isolate=True)
    assert client.wait_for(partial, timeout=BOOTS_SECONDS)[1] == []
    assert (tmp_path / "died").read_text().endswith("[])")
    assert partial.interruptions == 1
    go_on(instance)


def test_what_waits_behind_it_is_done_elsewhere_while_it_runs(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance(children=2).start()
    client, path = instance.client, tmp_path / "go"
    client.wait_for(*client.put_many(acts.nothing, 20))
    long = client.put(acts.begun_then_wait, str(path), "long", isolate=True)
    wait_until(Path(f"{path}.begun").exists, "it to begin", seen=instance.evidence)
    others = [client.put(acts.begun, "short") for _ in range(5)]
    client.wait_for(*others)
    path.write_text("")
    assert client.wait_for(long, timeout=BOOTS_SECONDS)[1] == []
    assert long.result[0] not in {one.result[0] for one in others}
    assert all(one.ended < long.ended for one in others)


def test_one_that_waits_for_a_deferred_keeps_its_child_to_itself(instance: Instance) -> None:
    client = instance.client
    client.wait_for(client.put(acts.begun, "warm"))
    partial = client.manager.thread.put(Partial(acts.later, "one"), isolate=True)
    other = client.manager.thread.put(Partial(acts.begun, "two"))
    client.commit()
    client.wait_for(partial, other, timeout=BOOTS_SECONDS)
    assert partial.result[1] == []
    assert other.result[0] != partial.result[0]
    go_on(instance)


def test_more_children_do_many_of_them_side_by_side_with_others(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=2).start()
    client, queue = instance.client, instance.client.manager.thread
    partials = [
        queue.put(Partial(acts.begun, f"{number}"), isolate=number % 5 == 0) for number in range(40)
    ]
    client.commit()
    client.wait_for(*partials, timeout=BOOTS_SECONDS)
    processes = Counter(one.result[0] for one in partials)
    assert [one.result[1] for one in partials[::5]] == [[]] * 8
    assert [processes[one.result[0]] for one in partials[::5]] == [1] * 8
    assert [one.attempts for one in partials] == [1] * 40


def test_one_that_has_lost_its_slot_is_done_in_another(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance(children=2, config=WITHOUT_SPARE).start()
    client = instance.client
    client.wait_for(*client.put_many(acts.nothing, 20))
    partials = [client.manager.thread.put(Partial(acts.begun, "x"), isolate=True) for _ in "1234"]
    client.commit()
    instance.worker().thread.size = 1
    client.commit()
    client.wait_for(*partials, timeout=BOOTS_SECONDS)
    assert [one.result[1] for one in partials] == [[]] * 4
    assert instance.child_pids()


def test_under_the_setting_each_job_has_its_own_child(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=ISOLATED).start()
    client = instance.client
    partials = client.manager.thread.put_many(
        [Partial(acts.begun, "x") for _ in range(6)], batch=True
    )
    client.commit()
    client.wait_for(*partials, timeout=BOOTS_SECONDS)
    assert len({one.result[0] for one in partials}) == 6
    assert [one.result[1] for one in partials] == [[]] * 6
    assert instance.status()["boot_problem"] is None


def test_the_commands_show_it(instance: Instance) -> None:
    client = instance.client
    partial = client.put(acts.begun, "one", isolate=True)
    client.wait_for(partial, timeout=BOOTS_SECONDS)
    command = [sys.executable, "-m", "zcasync.cli.main", "job", partial.id]
    command += ["--home", str(instance.home)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "alone in a child of its own" in shown.stdout
    shown = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["isolate"] is True
