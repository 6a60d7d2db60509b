"""zcasync pack: through a server, on the file itself, and where it must not be done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ZODB import DB
from ZODB.FileStorage.FileStorage import FileStorageError

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.support.instance import Instance
from zcasync.database.packing import last_packed, old_file, open_file
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


def fill(instance: Instance) -> int:
    """Make the database large with what nobody needs; its size in bytes."""
    client = instance.client
    for number in range(10):
        client.main.root()["ballast"] = f"{number}" * 100_000
        client.commit()
    del client.main.root()["ballast"]
    client.commit()
    return Home(instance.home).data_fs.stat().st_size


def test_a_database_is_packed_while_its_supervisor_works(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    home = Home(instance.home)
    before = fill(instance)
    done = cli("pack", "--home", instance.home, "--days", "0", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["through"] == "server"
    assert done.json["before"] >= before
    assert done.json["after"] < before / 5
    assert home.data_fs.stat().st_size < before / 5
    assert not old_file(home.data_fs).exists()
    assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})
    kept = cli("pack", "--home", instance.home)
    assert kept.code == 0
    assert "packed in" in kept.out


def test_a_database_that_nobody_serves_is_packed_itself(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    before = fill(instance)
    partial = instance.client.put(jobs.echo, 1)
    instance.client.wait_for(partial)
    oid = partial._p_oid
    instance.stop()
    home = Home(instance.home)
    storage = open_file(home.data_fs, home.blobs)
    try:
        refused = cli("pack", "--home", instance.home)
    finally:
        storage.close()
    assert refused.code == 3
    assert "in use by another process" in refused.error
    done = cli("pack", "--home", instance.home, "--days", "0", "--json")
    assert (done.code, done.json["through"]) == (0, "file")
    assert home.data_fs.stat().st_size < before / 5
    shown = cli("job", f"{int.from_bytes(oid):#x}", "--home", instance.home, "--json")
    assert shown.json["result"] == [[1], {}]


def test_the_supervisor_packs_by_itself(make_instance: Callable[..., Instance]) -> None:
    config = "<zcasync>\n  grace-period 5\n  pack-days 0.00002\n</zcasync>\n"  # 1.7 s
    instance = make_instance(children=0, config=config).start()
    home = Home(instance.home)
    first = wait_until(lambda: last_packed(home), "the time from which it counts")
    # It packs again and again, and may have begun before we looked: each of these comes to be.
    wait_until(lambda: (last_packed(home) or 0) > first, "a pack", seen=instance.evidence)
    wait_until(lambda: "now " in instance.log, "its result", seen=instance.evidence)
    wait_until(lambda: not old_file(home.data_fs).exists(), "the old file to be gone")


def test_two_databases_that_refer_to_each_other_are_not_packed(
    make_instance: Callable[..., Instance], cli: Cli, folder: object
) -> None:
    storage = "<filestorage>\n    path {}\n  </filestorage>"
    sections = [
        f"<zodb{name}>\n  {storage.format(f'{folder}/{file}.fs')}\n</zodb>\n"
        for name, file in (("", "main"), (" zc.async", "second"))
    ]
    instance = make_instance(config="".join(sections))
    refused = cli("pack", "--home", instance.home)
    assert refused.code == 2
    assert "pack-gc false" in refused.error


@pytest.mark.parametrize("days", ["-1", "x", "1e9"])
def test_a_number_of_days_that_is_none_is_exit_code_2(cli: Cli, days: str) -> None:
    assert cli("pack", "--days", days).code == 2


def test_a_home_without_a_database_has_nothing_to_pack(cli: Cli, tmp_path: object) -> None:
    refused = cli("pack", "--home", tmp_path)
    assert refused.code == 1
    assert "nothing to pack" in refused.error


def test_a_second_pack_at_a_time_is_refused(
    served: Instance, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(self: DB, days: float) -> None:
        raise FileStorageError("Already packing")

    monkeypatch.setattr(DB, "pack", pack)
    refused = cli("pack")
    assert refused.code == 1
    assert "somebody else packs" in refused.error
