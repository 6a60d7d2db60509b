"""zcasync quotas and quota: what operators see and change, and what it does to jobs."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.cli.conftest import Result
from tests.cli.test_json import document
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client
from zcasync.job.ids import id_of
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_quotas(client: Client) -> Iterator[None]:
    """There are none before and after."""
    yield
    client.sync()
    for name in list(client.manager.quotas):
        client.manager.quotas.remove(name)
    client.commit()


def test_a_quota_is_set_changed_shown_and_removed(client: Client, cli: Cli) -> None:
    assert cli("quotas").out == "no quotas; one is set with: zcasync quota NAME --limit N\n"

    done = cli("quota", "solr", "--limit", 3)
    assert done.code == 0
    assert "At once" in done.out
    assert cli("quota", "solr", "--rate", "10/1s").code == 0
    client.sync()
    quota = client.manager.quotas["solr"]
    assert (quota.limit, quota.rate) == (3, (10, timedelta(seconds=1)))

    found = document(cli("quota", "solr", "--json", "--limit", "none"), "quota")
    assert (found["limit"], found["rate"]) == (None, {"number": 10, "seconds": 1.0})
    cli("quota", "solr", "--limit", "none")
    assert [one["what"] for one in found["acts"]] == [
        "set to 3 at once", "set to 3 at once, 10 in 1 s", "set to any number at once, 10 in 1 s",
    ]  # fmt: skip
    assert {one["who"].split("@")[0] for one in found["acts"]} == {getpass.getuser()}
    assert cli("quota", "solr", "--json").json["acts"] == found["acts"], "nothing was changed"
    assert f"set to 3 at once by {getpass.getuser()}" in cli("quota", "solr").out
    document(cli("quota", "smtp", "--json", "--rate", "5/2h"), "quota")
    listed = document(cli("quotas", "--json"), "quotas")
    assert [one["name"] for one in listed["quotas"]] == ["smtp", "solr"]
    assert "10 in 1 s" in cli("quotas").out
    assert max(map(len, cli("quotas").out.splitlines())) <= 100

    assert cli("quota", "solr", "--remove").out == (
        "quota solr is removed: it limits nothing any more\n"
    )
    document(cli("quota", "smtp", "--remove", "--json"), "quota")
    cli("quota", "solr", "--limit", 1)
    *_, removed, again = cli("quota", "solr", "--json").json["acts"]
    assert (removed["what"], again["what"]) == ("removed", "set to 1 at once")
    cli("quota", "solr", "--remove")
    assert document(cli("quotas", "--json"), "quotas") == {"quotas": []}


@pytest.mark.parametrize("words", [["quota", "slor"], ["quota", "slor", "--remove"]])
def test_a_quota_that_is_not_there_is_named(served: object, cli: Cli, words: list[str]) -> None:
    done = cli(*words)

    assert done.code == 1
    assert done.error == (
        "zcasync: there is no quota slor; list those there are, with: zcasync quotas\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "-1"], "'-1' is no number of jobs"),
        (["--limit", "few"], "'few' is no number of jobs"),
        (["--rate", "10"], "'10' is no rate such as 10/1s"),
        (["--rate", "0/1s"], "'0/1s' is no rate"),
        (["--rate", "1/1y"], "'1/1y' is no rate"),
        (["--rate", "1/900000000w"], "has a time that is too long"),
        (["--rate", "1/500d"], "a millisecond to a year"),
        (["--limit", "1", "--remove"], "--remove and --limit or --rate exclude each other"),
    ],
)
def test_what_is_no_limit_is_refused(client: Client, cli: Cli, words: list[str], said: str) -> None:
    done = cli("quota", "solr", *words)

    assert done.code == 2
    assert said in done.error
    client.sync()
    assert list(client.manager.quotas) == []


def test_a_name_that_is_none_is_refused(served: object, cli: Cli) -> None:
    done = cli("quota", "a b", "--limit", 1)

    assert done.code == 2
    assert "cannot be the name of a quota" in done.error


def test_operators_see_what_holds_a_quota_and_what_waits_for_it(
    client: Client, cli: Cli, gate: Gate
) -> None:
    assert cli("quota", "solr", "--limit", 1).code == 0
    client.sync()
    partials = [client.put(jobs.pass_gate, gate.path, quota="solr") for _ in range(3)]
    first, *others = map(id_of, partials)
    gate.wait_for()
    wait_until(
        lambda: cli("quotas", "--json").json["quotas"][0]["waiting"] == 2,
        "the others to wait for the quota",
        seen=lambda: cli("quotas").out,
    )

    shown = cli("quota", "solr").out
    assert first in shown
    reason = f"waits for quota solr: 1 of 1 in use by {first}"
    job = document(cli("job", "--json", others[0]), "job")
    assert (job["quotas"], job["reason"]) == (["solr"], reason)
    assert reason in cli("job", others[0]).out.replace("\n", " ")
    assert "Quota" in cli("job", others[0]).out
    assert "waits for quota solr" in " ".join(cli("jobs", "--waiting").out.split())

    assert cli("quota", "solr", "--limit", 0).code == 0
    gate.open()
    client.wait_for(partials[0])
    assert cli("job", "--json", others[0]).json["reason"] == (
        "waits for quota solr: none may begin"
    )
    assert cli("quota", "solr", "--limit", 5).code == 0
    client.wait_for(*partials)


def test_a_put_names_quotas(client: Client, cli: Cli) -> None:
    assert cli("quota", "solr", "--limit", 1).code == 0

    done = cli("put", "operator.add", "--arg", 1, "--arg", 2, "--quota", "solr", "--wait", 30)
    refused = cli("put", "time.time", "--quota", "solr", "--quota", "slor")

    assert (done.code, done.out) == (0, "3\n")
    assert refused.code == 1
    assert "there is no quota 'slor': did you mean 'solr'?" in refused.error
