"""Surroundings: what a job changes around itself is as before for whatever comes after it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs import surroundings_acts as acts
from tests.support.instance import Client, Instance
from zcasync.partial import Partial
from zcasync.retry.stock import RetryExceptions

SOON = RetryExceptions(limit=3, delay=0.0)


@pytest.fixture
def one_child(common: Instance) -> Instance:
    """The shared supervisor with a single child, so that jobs follow each other in it."""
    common.worker().thread.size = 1
    common.client.commit()
    common.wait_for_children(1)
    return common


def see(client: Client) -> dict[str, Any]:
    """What a job finds that is put now."""
    found: dict[str, Any] = client.wait_for(client.put(acts.see))
    return found


def go_on(client: Client) -> None:
    """Ten further jobs are done."""
    client.wait_for(*client.put_many(acts.nothing, 10))


@pytest.mark.parametrize("act", acts.ACTS, ids=lambda act: act.__name__)
def test_the_next_job_finds_nothing_of_it(
    one_child: Instance, client: Client, act: Callable[[], None]
) -> None:
    before = see(client)
    assert client.wait_for(client.put(act)) is None
    assert see(client) == before
    go_on(client)


def test_the_next_job_finds_nothing_of_a_job_that_has_returned_a_failure(
    one_child: Instance, client: Client
) -> None:
    before = see(client)
    assert client.wait_for(client.put(acts.returned_failure)).check(ValueError)
    assert see(client) == before
    go_on(client)


def test_a_site_whose_storage_is_away_disturbs_nobody(one_child: Instance, client: Client) -> None:
    before = see(client)
    one = client.add("site", acts.Site())
    partial = client.manager.thread.put(Partial(acts.site, one))
    seen = partial.addCallback(acts.as_callback)
    client.commit()
    client.wait_for(partial, seen)
    assert partial.result is None
    assert seen.result == before
    assert see(client) == before
    go_on(client)


def test_neither_the_next_attempt_nor_a_callback_finds_anything_of_it(
    one_child: Instance, client: Client
) -> None:
    before = see(client)
    partial = client.manager.thread.put(acts.everything_and_fail, retry=SOON)
    called = partial.addCallback(acts.as_callback)
    dirty = client.manager.thread.put(acts.everything)
    after = dirty.addCallback(acts.as_callback)
    client.commit()
    client.wait_for(partial, called, dirty, after)
    assert partial.attempts == 2
    assert partial.result == called.result == after.result == before
    go_on(client)


def test_the_members_of_a_batch_find_nothing_of_each_other(
    one_child: Instance, client: Client
) -> None:
    before = see(client)
    calls = [call for act in acts.ACTS for call in (act, acts.see)]
    partials = client.manager.thread.put_many(calls, batch=True)
    client.commit()
    client.wait_for(*partials)
    assert [one.result for one in partials] == [None, before] * len(acts.ACTS)
    go_on(client)


@pytest.mark.parametrize("act", [acts.crash_reports, acts.crash_reports_elsewhere])
def test_a_crash_is_reported_with_its_stack_whatever_a_job_has_made_of_that(
    one_child: Instance, client: Client, act: Callable[[], None]
) -> None:
    client.wait_for(client.put(act))
    failure = client.wait_for(client.put(acts.crash, retry="never"))
    assert "in crash" in failure.getErrorMessage() + failure.getTraceback()
    go_on(client)


def test_a_timer_of_a_job_does_not_end_the_process_later(
    one_child: Instance, client: Client
) -> None:
    before = see(client)
    client.wait_for(client.put(acts.deadly_timer))
    waits = [client.put(acts.sleep, 0.1) for _ in range(4)]
    client.wait_for(*waits)
    assert see(client)["pid"] == before["pid"]


def test_reactor_jobs_find_nothing_of_each_other_nor_does_the_supervisor(
    common: Instance, client: Client
) -> None:
    before = client.wait_for(client.put(acts.see, queue="reactor"))
    for act in acts.ACTS:
        if act not in (acts.umask, acts.crash_reports, acts.in_a_hook):
            assert client.wait_for(client.put(act, queue="reactor")) is None
            assert client.wait_for(client.put(acts.see, queue="reactor")) == before
    waiting = [client.put(acts.awaits, 0.2, queue="reactor") for _ in range(3)]
    between = [client.put(acts.see, queue="reactor") for _ in range(5)]
    client.wait_for(*waiting, *between)
    assert [one.result for one in between] == [before] * 5
    own = {"variable": "dirty", "precision": 2, "inexact": True}  # in the context of each
    assert [one.result for one in waiting] == [{**before, **own}] * 3
    assert os.readlink(f"/proc/{common.pid}/cwd") == before["directory"]
    go_on(client)
