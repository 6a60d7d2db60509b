"""A database that a development version before 0.1 wrote is refused with one clear line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ZODB.FileStorage import FileStorage

import zcasync
from tests.cli.conftest import Result, finish, start
from tests.processes.servers import database_server
from tests.support.instance import short_folder
from tests.support.old_records import WAITING, write_old_records
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.interfaces import IDataManager

Cli = Callable[..., Result]

REFUSAL = "was written by a development version of zcasync before 0.1"
WAITING_ID = f"{int.from_bytes(WAITING):#x}"
CLIENT = """
<zodb>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 1
  </zeoclient>
</zodb>
"""


def fill(path: Path) -> None:
    """Make a file with old records."""
    storage = FileStorage(os.fspath(path))
    write_old_records(storage)
    storage.close()


@pytest.fixture
def home() -> Iterator[Home]:
    """A home whose own file an old version has written."""
    with short_folder() as folder:
        made = Home(folder / "home")
        made.create()
        fill(made.data_fs)
        yield made


@pytest.fixture
def served_home() -> Iterator[Home]:
    """A home whose database, served by a server of its own, an old version has written."""
    with short_folder() as folder:
        made = Home(folder / "home")
        made.create()
        fill(folder / "Data.fs")
        with database_server(folder) as port:
            made.config_file.write_text(CLIENT.format(port=port))
            yield made


def require_refusal(done: Result) -> None:
    assert done.code == 2
    assert done.out == ""
    assert REFUSAL in done.error
    assert "finish its jobs with the version that wrote it" in done.error


@pytest.mark.parametrize(
    "command", [["status"], ["ghosts"], ["jobs"], ["job", WAITING_ID], ["pack"]], ids=" ".join
)
def test_commands_refuse_a_file_with_old_records(home: Home, cli: Cli, command: list[str]) -> None:
    before = home.data_fs.read_bytes()

    require_refusal(cli(*command, "--home", home.path))

    assert home.data_fs.read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["ghosts"],
        ["jobs"],
        ["job", WAITING_ID],
        ["put", "operator.add", "--arg", "1", "--arg", "2"],
        ["cancel", WAITING_ID],
        ["release", "00010203-0405-0607-0809-0a0b0c0d0e0f"],
    ],
    ids=" ".join,
)
def test_commands_refuse_a_server_of_old_records(
    served_home: Home, cli: Cli, command: list[str]
) -> None:
    require_refusal(cli(*command, "--home", served_home.path))


def test_check_names_old_records_as_a_problem(home: Home, cli: Cli) -> None:
    done = cli("check", "--home", home.path, "--json")

    assert done.code == 2
    (problem,) = done.json["problems"]
    assert REFUSAL in problem
    assert f"PROBLEM: {problem}" in " ".join(cli("check", "--home", home.path).out.split())


@pytest.mark.parametrize("kind", ["home", "served_home"])
def test_a_supervisor_does_not_start_on_old_records(
    request: pytest.FixtureRequest, kind: str
) -> None:
    place: Home = request.getfixturevalue(kind)

    require_refusal(finish(start("run", "--home", place.path)))

    assert "Traceback" not in (place.log / "zcasync.log").read_text()


def test_clients_refuse_old_records_when_they_look_for_the_data_manager(
    served_home: Home, registry: None
) -> None:
    zcasync.configure()
    db = zcasync.open(served_home.path)
    try:
        connection = db.open()
        looks: list[Callable[[], object]] = [
            lambda: IDataManager(connection.root()),
            lambda: IDataManager(connection.get(WAITING)),
            lambda: zcasync.put(connection, print),
        ]
        for look in looks:
            with pytest.raises(ConfigurationError, match=REFUSAL):
                look()
    finally:
        db.close()
