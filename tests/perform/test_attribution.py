"""Attribution: each transaction of a job says which job it is of, and the job knows them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ZODB import DB
from zope.component import getGlobalSiteManager

from tests.jobs import attributed, samples
from tests.jobs.basic import Counter
from tests.support.job_threads import Bench
from tests.support.sessions import ONE
from zcasync import Partial
from zcasync.interfaces import IContextCapture
from zcasync.job.attempt_record import MOST_COMMITS
from zcasync.job.ids import id_of
from zcasync.perform import attribution
from zcasync.reports.transactions import committed


class Shop:
    """A child's job thread over a file, which keeps what is said of transactions."""

    def __init__(self, db: DB) -> None:
        self.db = db
        self.bench = Bench(db, db.storage)
        self.counter = self.bench.client.keep(Counter(), "counter")

    def perform(self, *calls: Any, batch: bool = False, **options: Any) -> list[Partial]:
        """Perform these in one go; return them as they are then."""
        partials = self.bench.claim(*calls, batch=batch, **options)
        self.bench.run(partials)
        return partials

    def history(self, obj: Any) -> list[dict[str, Any]]:
        """The revisions of an object, the oldest first."""
        return list(reversed(self.db.history(obj._p_oid, size=99)))


@pytest.fixture
def shop(file_db: DB) -> Shop:
    return Shop(file_db)


def label(partial: Partial, attempt: int = 1) -> str:
    return f"thread {ONE} {id_of(partial)}:{attempt}"


def test_the_commit_of_a_job_names_it(shop: Shop) -> None:
    [partial] = shop.perform(shop.counter.add)
    put, claim, done = shop.history(partial)
    assert done["description"] == f"zcasync {id_of(partial)} tests.jobs.basic.Counter.add"
    assert done["zcasync"] == label(partial)
    assert done["user_name"] == ""
    assert shop.history(shop.counter)[-1]["zcasync"] == label(partial)
    assert "zcasync" not in put | claim  # those are no commits of the job
    found = shop.db.undoInfo()[0]
    assert (found["zcasync"], found["description"]) == (done["zcasync"], done["description"])


def test_what_a_job_says_of_its_transaction_is_kept(shop: Shop) -> None:
    [partial] = shop.perform(Partial(attributed.say_who, shop.counter))
    done = shop.history(partial)[-1]
    assert done["user_name"] == "/site/acl_users jo"
    assert done["description"].split("\n") == [
        "by hand",
        f"zcasync {id_of(partial)} tests.jobs.attributed.say_who",
    ]
    assert (done["ticket"], done["zcasync"]) == ("4711", label(partial))


def test_a_transaction_of_which_too_much_is_said_is_committed_as_it_is(shop: Shop) -> None:
    [partial] = shop.perform(Partial(attributed.say_too_much, shop.counter))
    assert partial.result == 1
    done = shop.history(partial)[-1]
    assert "zcasync" not in done
    assert done["description"] == "x" * 65_500


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"user": "jo", "user_folder": "/site/acl_users"}, "/site/acl_users jo"),
        ({"user": "jo"}, "/ jo"),
        ({"user": 42}, "/ 42"),
        ({"user": "jo", "user_folder": "/acl_users", "run_as": "alice"}, "/acl_users alice"),
        ({"user": None, "site": "/site"}, ""),
    ],
)
def test_the_user_of_the_put_is_that_of_the_commit(
    shop: Shop, context: dict[str, Any], text: str
) -> None:
    registry = getGlobalSiteManager()
    registry.registerUtility(lambda: context, IContextCapture, "test")
    try:
        [partial, _] = shop.perform(shop.counter.add, Partial(samples.nothing), batch=True)
    finally:
        registry.unregisterUtility(provided=IContextCapture, name="test")
    assert shop.history(partial)[-1]["user_name"] == text


def test_a_commit_on_the_way_names_the_job_too(shop: Shop) -> None:
    [partial] = shop.perform(Partial(attributed.commit_and_go_on, shop.counter))
    first, last = shop.history(shop.counter)[-2:]
    assert first["zcasync"] == last["zcasync"] == label(partial)
    assert first["description"].startswith("counted\nzcasync ")
    found = committed(partial)
    assert [one["tid"] for one in found["transactions"]] == [
        f"0x{first['tid'].hex()}",
        f"0x{last['tid'].hex()}",
    ]
    assert [one["attempt"] for one in found["transactions"]] == [1, 1]
    assert found["transactions_unlisted"] == 0


def test_a_commit_of_each_attempt_is_listed_with_its_number(shop: Shop) -> None:
    [partial] = shop.perform(Partial(attributed.commit_and_conflict, shop.counter))
    assert partial.result == 2
    assert [one["attempt"] for one in committed(partial)["transactions"]] == [1, 2, 2]


def test_of_many_commits_on_the_way_the_last_ones_are_listed(shop: Shop) -> None:
    count = MOST_COMMITS + 15
    [partial] = shop.perform(Partial(attributed.commit_often, shop.counter, count))
    found = committed(partial)
    tids = [f"0x{one['tid'].hex()}" for one in shop.history(shop.counter)[-MOST_COMMITS:]]
    assert [one["tid"] for one in found["transactions"]][:-1] == tids
    assert found["transactions_unlisted"] == 15


def test_a_job_without_commits_on_the_way_keeps_nothing_of_them(shop: Shop) -> None:
    attribution._on_the_way.clear()
    [partial] = shop.perform(shop.counter.add)
    assert "_commits" not in partial.__getstate__()
    assert partial._p_oid not in attribution._on_the_way


def test_a_commit_in_a_connection_of_its_own_is_one_of_the_job(shop: Shop) -> None:
    [partial] = shop.perform(Partial(attributed.commit_elsewhere, shop.counter))
    assert shop.history(shop.counter)[-1]["zcasync"] == label(partial)
    assert len(committed(partial)["transactions"]) == 2


def test_a_group_commit_names_all_its_jobs(shop: Shop) -> None:
    calls = [Partial(shop.counter.add), Partial(shop.counter.add), Partial(samples.nothing)]
    partials = shop.perform(*calls, batch=True)
    [done] = [shop.history(one)[-1] for one in partials[:1]]
    assert done["description"] == (
        "zcasync 3 jobs: tests.jobs.basic.Counter.add, tests.jobs.samples.nothing"
    )
    ids = " ".join(f"{id_of(one)}:1" for one in partials)
    assert done["zcasync"] == f"thread {ONE} {ids}"
    tids = {one["tid"] for partial in partials for one in committed(partial)["transactions"]}
    assert tids == {f"0x{done['tid'].hex()}"}


def test_a_commit_on_the_way_names_the_jobs_whose_changes_it_has(shop: Shop) -> None:
    calls = [Partial(shop.counter.add), Partial(attributed.commit_and_go_on, shop.counter)]
    first, second = shop.perform(*calls, batch=True)
    on_the_way = shop.history(first)[-1]
    assert on_the_way["zcasync"] == f"thread {ONE} {id_of(first)}:1 {id_of(second)}:1"
    assert len(committed(first)["transactions"]) == 1
    assert len(committed(second)["transactions"]) == 2


def test_a_callback_signs_with_its_own_id(shop: Shop) -> None:
    [partial] = shop.bench.claim(shop.counter.add, batch=False)
    callback = partial.addCallback(samples.give_back)
    shop.bench.client.commit()
    shop.bench.run([partial])
    assert shop.history(callback)[-1]["zcasync"] == label(callback)
    assert [one["tid"] for one in committed(callback)["transactions"]] == [
        f"0x{shop.history(callback)[-1]['tid'].hex()}"
    ]


def test_a_call_that_no_worker_makes_signs_nothing(shop: Shop) -> None:
    partial = shop.bench.client.keep(Partial(shop.counter.add), "direct")
    assert partial() == 1
    assert "zcasync" not in shop.history(partial)[-1]
    assert committed(partial) == {"transactions": [], "transactions_unlisted": 0}


def test_what_a_pack_has_taken_is_not_listed(shop: Shop) -> None:
    [partial] = shop.perform(shop.counter.add)
    assert len(committed(partial)["transactions"]) == 1
    partial.rewrite()  # as the pass that puts it away does
    shop.bench.client.commit()
    shop.db.pack()
    assert committed(partial)["transactions"] == []


def test_a_storage_without_history_lists_what_the_job_has_noted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    [partial] = shop.perform(Partial(attributed.commit_and_go_on, shop.counter))
    monkeypatch.delattr(type(shop.db.storage), "history")
    assert len(committed(partial)["transactions"]) == 1


def test_an_undo_is_one_of_the_job_that_makes_it(shop: Shop) -> None:
    shop.counter.add()
    shop.bench.client.commit()
    tid = shop.db.undoInfo()[0]["id"]
    [partial] = shop.perform(Partial(samples.undo, shop.counter, tid))
    assert partial.result is None
    assert shop.history(shop.counter)[-1]["zcasync"] == label(partial)


def test_what_is_committed_in_several_threads_is_noted_once_each(shop: Shop) -> None:
    [partial] = shop.bench.claim(shop.counter.add, batch=False)
    partial._p_jar.office = "thread of the tests"
    label = attribution.label_of(partial, 1)
    assert label is not None
    attribution._on_the_way.clear()

    def note(number: int) -> None:
        for one in range(2000):
            label.note(shop.db.storage, (number * 2000 + one).to_bytes(8))

    threads = [threading.Thread(target=note, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        attribution.keep_commits(partial)
    attribution.keep_commits(partial)
    assert partial.noted_commits[0] == 8000
    shop.bench.client.abort()
