"""Limits that hold whatever the database says: it can be written by all its clients."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.support.instance import SHORT, Instance


def test_a_size_of_ten_thousand_starts_no_more_children_than_may_be(
    make_instance: Callable[..., Instance],
) -> None:
    config = SHORT.replace("</zcasync>", "  max-children 3\n  spare false\n</zcasync>")
    instance = make_instance(config=config).start()
    client = instance.client
    instance.worker().thread.size = 10_000
    client.commit()
    instance.wait_for_children(3, "idle")
    partials = [client.put(jobs.process) for _ in range(20)]
    client.wait_for(*partials)
    assert len(instance.child_pids()) == 3
    assert len(instance.worker().thread.lists()) == 3
    instance.worker().thread.size = 9_999
    client.commit()
    client.wait_until(lambda: "is 9,999, but" in instance.log, "the new size to be said")
    assert instance.log.count("is 10,000, but no more than 3 children are started") == 1

    shown = finish(start("status", "--home", instance.home)).out
    assert "at most 3 children are started (max-children)" in shown
    told = finish(start("status", "--json", "--home", instance.home)).json
    assert told["supervisor"]["max_children"] == 3
    assert told["workers"][0]["thread"]["size"] == 9_999


def test_a_start_with_too_large_a_size_is_limited_from_the_first_child_on(
    make_instance: Callable[..., Instance],
) -> None:
    config = SHORT.replace("</zcasync>", "  max-children 2\n  spare false\n</zcasync>")
    instance = make_instance(children=5_000, config=config).start()
    instance.wait_for_children(2, "idle")
    assert "is 5,000, but no more than 2 children are started" in instance.log
    assert len(instance.worker().thread.lists()) == 2
