"""zcasync check: every problem of a home at once, without touching it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import ZEO.zconfig

from tests.cli.conftest import Result
from zcasync.instance.home import Home
from zcasync.instance.settings import Settings

Cli = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home as a supervisor makes it."""
    made = Home(tmp_path / "home")
    made.create()
    return made


def write_config(home: Home, text: str) -> None:
    home.config_file.write_text(text)


def test_a_good_home_has_no_problems(home: Home, cli: Cli) -> None:
    done = cli("check", "--home", home.path)
    assert done.code == 0
    assert "No problems." in done.out
    assert cli("check", "--home", home.path, "--json").json["ok"] is True


def test_a_database_that_is_gone_is_warned_of(home: Home, cli: Cli) -> None:
    gone = f"{home.data_fs} is not there"
    assert gone not in cli("check", "--home", home.path).out
    home.uuid_file.write_text("7b1a5ad0-8f2a-4b62-8a31-5f5f7b0e1c11\n")
    home.var.rmdir()
    done = cli("check", "--home", home.path)
    assert done.code == 0
    assert gone in done.out


def test_every_setting_is_listed_with_its_default(home: Home, cli: Cli) -> None:
    write_config(
        home, "<zcasync>\n grace-period 7\n children 3\n resolve-conflicts a.B\n</zcasync>\n"
    )
    settings = cli("check", "--home", home.path, "--json").json["settings"]
    assert set(settings) == {name.replace("_", "-") for name in Settings.HELP}
    assert settings["grace-period"]["value"] == 7.0
    assert settings["grace-period"]["default"] == 25.0
    assert settings["children"]["value"] == 3
    assert settings["children"]["default"] is None
    words = cli("check", "--home", home.path).out
    table = words[words.index("SETTING") :]
    assert max(map(len, table.splitlines())) <= 100
    assert all(name in words for name in settings)


def test_folders_to_import_from_are_listed_and_looked_at(home: Home, cli: Cli) -> None:
    write_config(home, "<zcasync>\n import-path jobs\n import-path gone\n</zcasync>\n")
    jobs = home.path / "jobs"
    jobs.mkdir()
    jobs.chmod(0o777)
    done = cli("check", "--home", home.path, "--json")
    assert done.code == 2
    assert done.json["settings"]["import-path"]["value"] == [str(jobs), f"{home.path}/gone"]
    open_one, missing = done.json["problems"]
    assert f"{jobs} can be written by other users" in open_one
    assert f"{home.path}/gone cannot be used" in missing
    assert "import-path" in cli("check", "--home", home.path).out


@pytest.mark.parametrize(
    ("storage", "warned"),
    [
        ("<zeoclient>\nserver 127.0.0.1:8100\n</zeoclient>", ["port 8100 of 127.0.0.1"]),
        ("<clientstorage>\nserver db:1\nserver db:2\n</clientstorage>", ["port 1", "port 2"]),
        ("<zeoclient>\nserver var/zeo.sock\n</zeoclient>", []),
        ("<clientstorage>\nserver db:1\n<ssl>\n{tls}\n</ssl>\n</clientstorage>", []),
    ],
)
def test_a_server_that_anybody_can_connect_to_is_warned_of(
    home: Home, cli: Cli, storage: str, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ZEO.zconfig, "ssl_config", lambda section, server: ("context", None))
    storage = storage.format(tls=f"certificate {home.path}/client.pem")
    write_config(home, f"%import ZEO\n<zodb>\n{storage}\n</zodb>\n")

    done = cli("check", "--home", home.path)
    document = cli("check", "--home", home.path, "--json").json

    assert (done.code, document["ok"], document["problems"]) == (0, True, [])
    ports = [one for one in document["warnings"] if "port" in one]
    assert len(ports) == len(warned)
    for found, words in zip(ports, warned, strict=True):
        assert words in found
        assert f"WARNING: {found}" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("name", "blobs", "is_warned"),
    [
        ("", "", True),
        (" main", "", True),
        ("", "blob-dir blobs", False),
        (" zc.async", "", False),
    ],
)
def test_a_client_without_a_place_for_blobs_is_warned_of(
    home: Home, cli: Cli, name: str, blobs: str, is_warned: bool
) -> None:
    section = f"<zodb{name}>\n<zeoclient>\nserver db:1\n{blobs}\n</zeoclient>\n</zodb>\n"
    more = "<zodb>\n<zeoclient>\nserver db:1\nblob-dir blobs\n</zeoclient>\n</zodb>\n"
    write_config(home, section + more * ("zc.async" in name))

    document = cli("check", "--home", home.path, "--json").json

    assert (document["ok"], document["problems"]) == (True, [])
    found = [one for one in document["warnings"] if "blob" in one]
    assert len(found) == is_warned
    for one in found:
        assert one.startswith("database 'main': its client can neither store blobs nor load them")
        assert "give its section a blob-dir" in one


def test_a_missing_home_is_a_problem_and_is_not_made(cli: Cli, tmp_path: Path) -> None:
    done = cli("check", "--home", tmp_path / "nothing", "--json")
    assert done.code == 2
    assert "there is no instance home" in done.json["problems"][0]
    assert done.json["ok"] is False
    assert done.json["settings"]
    assert not (tmp_path / "nothing").exists()


def test_all_problems_are_named_at_once(home: Home, cli: Cli) -> None:
    home.uuid_file.write_text("not a uuid")
    home.data_fs.write_bytes(b"not a database")
    home.var.chmod(0o755)
    home.log.rmdir()
    home.log.write_text("not a folder")
    write_config(home, "<zcasync>\n surprise 1\n</zcasync>\n")
    done = cli("check", "--home", home.path, "--json")
    assert done.code == 2
    problems = "\n".join(done.json["problems"])
    assert len(done.json["problems"]) == 5
    for text in ("uuid.txt", "Data.fs is not a file", "chmod 700", "surprise", "not a folder"):
        assert text in problems
    words = cli("check", "--home", home.path)
    assert words.code == 2
    assert words.out.count("PROBLEM: ") == 5


def test_an_unreadable_configuration_is_a_problem(home: Home, cli: Cli) -> None:
    home.config_file.mkdir()
    done = cli("check", "--home", home.path, "--json")
    assert done.code == 2
    assert "zcasync.conf cannot be read" in done.json["problems"][0]


def test_another_configuration_file_can_be_checked(home: Home, cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("<zcasync>\n children some\n</zcasync>\n")
    done = cli("check", "--home", home.path, "--config", other, "--json")
    assert done.code == 2
    assert "other.conf" in done.json["problems"][0]


def test_a_database_that_children_cannot_open_is_a_problem(home: Home, cli: Cli) -> None:
    write_config(
        home, f"<zodb>\n <filestorage>\n path {home.var}/my.fs\n </filestorage>\n</zodb>\n"
    )
    done = cli("check", "--home", home.path, "--json")
    assert done.code == 2
    assert "children cannot" in done.json["problems"][0]
    assert not (home.var / "my.fs").exists()


def test_a_long_path_is_no_problem_and_says_where_the_sockets_go(cli: Cli, tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 100))
    home.path.mkdir()
    done = cli("check", "--home", home.path)
    assert done.code == 0
    assert str(home.control_socket.parent) in done.out
    assert "too long for sockets" in done.out


def test_a_folder_of_sockets_that_is_no_folder_of_ours_is_a_problem(
    cli: Cli, tmp_path: Path
) -> None:
    home = Home(tmp_path / ("x" * 100))
    home.path.mkdir()
    sockets = home.control_socket.parent
    sockets.symlink_to(tmp_path)
    try:
        done = cli("check", "--home", home.path, "--json")
    finally:
        sockets.unlink()
    assert done.code == 2
    assert f"{sockets} is not a folder" in done.json["problems"]
