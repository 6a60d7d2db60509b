"""Jobs that views put: they run as the views do, for the same user, and all of it is taken down."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integrations.browser import Upload
from tests.integrations.pyramid.conftest import Visitor
from tests.integrations.servers import Site
from tests.support.instance import Instance
from zcasync.testing.waiting import wait_until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def put(visitor: Visitor, call: str, *args: str, **form: Any) -> str:
    """Have the site put a job; its id."""
    answer = visitor.post("/call", call=call, arg=args, **form)
    assert answer.status == 200, answer.text
    return answer.json["job"]  # type: ignore[no-any-return]


def result(worker: Instance, job: str) -> Any:
    """The result of a job, once it has one."""
    worker.client.sync()
    return worker.client.wait_for(worker.client.manager.find(job))


@contextmanager
def paused(worker: Instance) -> Iterator[None]:
    """The worker begins no jobs."""
    client = worker.client
    client.worker(worker.home).thread.size = 0
    client.commit()
    try:
        yield
    finally:
        client.sync()
        client.worker(worker.home).thread.size = 2
        client.commit()


def add_photo(visitor: Visitor, worker: Instance, name: str, title: str) -> None:
    answer = visitor.post("/photos", name=name, title=title, image=Upload("a.png", PNG))
    assert result(worker, answer.json["job"]) == name


def test_a_form_puts_a_job_which_makes_a_photo_as_its_user(
    site: Site, worker: Instance, ann: Visitor
) -> None:
    with paused(worker):
        answer = ann.post("/photos", name="sunrise", title="A red Sun", image=Upload("a", PNG))
        assert answer.status == 200  # though nobody makes it
        assert ann.get("/photos", word="sun").json == []

    assert result(worker, answer.json["job"]) == "sunrise"

    (found,) = ann.get("/photos", word="sun").json
    assert found == {
        "title": "A red Sun",
        "author": "ann",
        "identity": "Ann Archer",
        "may_add": True,
        "url": f"{site.url}/",
        "language": "en",
        "likes": 0,
    }
    assert ann.get("/photos/sunrise/image").body == PNG


def test_a_job_finds_what_a_view_finds(site: Site, worker: Instance, ann: Visitor) -> None:
    found = result(worker, put(ann, "surroundings"))
    assert found == {
        "user": "ann",
        "identity": "Ann Archer",
        "remote_user": "ann",
        "url": site.url,
        "language": "en",
        "root": "Gallery",
        "is_own_manager": True,
        "is_own_connection": True,
        "others": ["", "sessions"],
        "around": ["tests.integrations.pyramid.gallery.surroundings"],
        "script": "zcasync",
    }
    wait_until((worker.home.parent / "finished").exists, "the request of the job to be finished")


def test_nobody_puts_a_job_for_nobody_and_run_as_for_somebody(
    site: Site, worker: Instance, ann: Visitor
) -> None:
    nobody = result(worker, put(Visitor(site.url), "surroundings"))
    assert (nobody["user"], nobody["identity"], nobody["remote_user"]) == (None, None, None)
    other = result(worker, put(ann, "surroundings", run_as="bob"))
    assert (other["user"], other["identity"]) == ("bob", "Bob Baker")
    gone = result(worker, put(ann, "surroundings", run_as="eve"))
    assert (gone["user"], gone["identity"]) == ("eve", None)


def test_reactor_jobs_find_their_request_and_others_do_not(worker: Instance, ann: Visitor) -> None:
    jobs = [put(ann, "stack_depth", queue="reactor", run_as=user) for user in ("ann", "bob")]
    assert [result(worker, job) for job in jobs] == [(1, "ann"), (1, "bob")]
    detached = put(ann, "stack_depth", queue="reactor", detached="1")
    assert result(worker, detached) == (0, None)


def test_jobs_that_a_job_puts_are_its_users(worker: Instance, ann: Visitor) -> None:
    for job in result(worker, put(ann, "put_two", "x")):
        assert result(worker, job)["user"] == "ann"


def test_a_job_writes_into_the_second_database(worker: Instance, ann: Visitor) -> None:
    before = result(worker, put(ann, "count_in_second", "key"))
    assert result(worker, put(ann, "count_in_second", "key")) == before + 1


def test_what_a_job_leaves_behind_no_other_finds(worker: Instance, ann: Visitor) -> None:
    left = [put(ann, "raise_at_the_end") for _ in range(8)]
    assert [result(worker, job) for job in left] == [2] * 8
    deep = [put(ann, "stack_depth") for _ in range(8)]
    assert [result(worker, job) for job in deep] == [(1, "ann")] * 8
    assert "OSError: no end" in worker.log


def test_a_job_meets_a_concurrent_edit_and_both_changes_are_there(
    site: Site, worker: Instance, ann: Visitor, tmp_path: Path
) -> None:
    add_photo(ann, worker, "noon", "At noon")
    job = put(ann, "like", "@noon", str(tmp_path))
    wait_until((tmp_path / "begun").exists, "the job to be at work")
    assert ann.post("/photos/noon/edit", likes=10).json == {"likes": 10}
    (tmp_path / "edited").touch()
    assert result(worker, job) is None
    assert len((tmp_path / "attempts").read_text().split()) == 2
    (found,) = ann.get("/photos", word="noon").json
    assert found["likes"] == 11


def test_another_request_in_a_job_leaves_that_its_connection(
    worker: Instance, ann: Visitor
) -> None:
    add_photo(ann, worker, "rain", "In the rain")
    assert result(worker, put(ann, "look_and_like", "rain")) == 1
    assert [one["likes"] for one in ann.get("/photos", word="rain").json] == [100]


def test_a_killed_child_costs_nothing(worker: Instance, ann: Visitor, tmp_path: Path) -> None:
    job = put(ann, "die_once", str(tmp_path), "unlucky")
    others = [put(ann, "surroundings") for _ in range(4)]
    assert result(worker, job) == "unlucky"
    assert [result(worker, other)["user"] for other in others] == ["ann"] * 4
    partial = worker.client.manager.find(job)
    assert partial.interruptions == 1
    assert [one["author"] for one in ann.get("/photos", word="unlucky").json] == ["ann"]


def test_a_child_that_is_killed_from_outside_costs_nothing(
    worker: Instance, ann: Visitor, tmp_path: Path
) -> None:
    add_photo(ann, worker, "dusk", "At dusk")
    job = put(ann, "like", "@dusk", str(tmp_path))
    wait_until((tmp_path / "begun").exists, "the job to be at work")
    os.kill(int((tmp_path / "attempts").read_text()), signal.SIGKILL)
    assert result(worker, job) is None
    assert [one["likes"] for one in ann.get("/photos", word="dusk").json] == [1]


def test_a_job_that_fails_is_readable(worker: Instance, ann: Visitor) -> None:
    job = put(ann, "refuse", "too large")
    failure = result(worker, job)
    assert failure.check(ValueError)
    assert failure.getErrorMessage() == "too large"
    assert "in refuse" in failure.getTraceback()
    assert result(worker, put(ann, "stack_depth")) == (1, "ann")


def test_the_put_of_an_aborted_transaction_is_gone(worker: Instance, ann: Visitor) -> None:
    with paused(worker):
        assert ann.post("/call", **{"call": "surroundings", "raise": "1"}).status == 500
        assert waiting(worker) == 0
        job = put(ann, "stack_depth")
        assert waiting(worker) == 1
    assert result(worker, job) == (1, "ann")


def test_a_request_that_is_tried_again_puts_once(worker: Instance, ann: Visitor) -> None:
    with paused(worker):
        answer = ann.post("/call", call="stack_depth", conflict="1")
        assert answer.json["attempt"] == 1
        assert waiting(worker) == 1
    assert result(worker, answer.json["job"]) == (1, "ann")


def waiting(worker: Instance) -> int:
    """How many jobs wait."""
    worker.client.sync()
    return len(worker.client.manager.thread)


def test_the_ini_file_says_what_is_logged(worker: Instance, ann: Visitor) -> None:
    job = put(ann, "say", "cheese")
    assert result(worker, job) is None
    (line,) = [line for line in worker.log.splitlines() if "INFO of the gallery: cheese" in line]
    assert job in line
