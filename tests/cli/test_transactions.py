"""What zcasync job says of the transactions of a job."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.conftest import Result
from tests.jobs import attributed
from tests.jobs import basic as jobs
from tests.support.instance import Client
from zcasync.job.attempt_record import MOST_COMMITS
from zcasync.job.ids import id_of

Cli = Callable[..., Result]


def test_a_job_lists_its_transactions(client: Client, cli: Cli) -> None:
    counter = client.add("transactions", jobs.Counter())
    partial = client.put(attributed.commit_and_go_on, counter)
    client.wait_for(partial)
    first, last = cli("job", id_of(partial), "--json").json["transactions"]
    assert (first["description"], first["attempt"], first["database"]) == (None, 1, "main")
    name = f"zcasync {id_of(partial)} tests.jobs.attributed.commit_and_go_on"
    assert (last["description"], last["user"]) == (name, None)
    assert last["tid"] == f"0x{client.completion(partial).hex()}"
    shown = cli("job", id_of(partial)).out
    head, _, listed = shown.partition("Committed transactions\n")
    assert head
    lines = listed.splitlines()
    assert lines[0].startswith(f"  {first['tid']}  {first['time'][:10]} ")
    assert lines[1] == "    on its way"
    assert lines[2].endswith("UTC  attempt 1  in main")
    assert lines[3] == f"    {name}"


def test_what_is_not_listed_is_counted(client: Client, cli: Cli) -> None:
    counter = client.add("transactions", jobs.Counter())
    partial = client.put(attributed.commit_often, counter, MOST_COMMITS + 3)
    client.wait_for(partial)
    assert cli("job", id_of(partial), "--json").json["transactions_unlisted"] == 3
    assert "  and 3 that it made on its way before\n" in cli("job", id_of(partial)).out


def test_what_somebody_says_of_a_transaction_does_nothing_to_a_terminal(
    client: Client, cli: Cli
) -> None:
    partial = client.put(attributed.say_odd_things)
    client.wait_for(partial)
    shown = cli("job", id_of(partial)).out
    assert r"\x1b[2J / zcasync " in shown
    assert r", by / \u202ejo" in shown


def test_a_listing_asks_the_storage_for_no_history(client: Client, cli: Cli) -> None:
    client.wait_for(client.put(jobs.echo))
    listed = cli("jobs", "--state", "completed", "--limit", "1", "--json").json["jobs"]
    assert "transactions" not in listed[0]  # one request for each job
