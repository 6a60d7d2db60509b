"""The settings in an ini file, and the sections of its databases, without the application."""

from __future__ import annotations

from pathlib import Path

import pytest
from ZODB.config import ZEOClient

from zcasync.pyramid.databases import databases
from zcasync.pyramid.settings import IniFile, settings

INI = """
[DEFAULT]
place = elsewhere

[app:main]
use = config:base.ini#shop
zodbconn.uri = zeo://%(here)s/zeo.sock
get place = place

[pipeline:all]
pipeline = egg:Paste#gzip main

[filter-app:gzip]
use = egg:Paste#gzip
next = all
"""


@pytest.mark.parametrize("name", ["main", "all", "gzip"])
def test_they_are_those_of_all_sections_that_one_builds_on(tmp_path: Path, name: str) -> None:
    (tmp_path / "production.ini").write_text(INI)
    (tmp_path / "base.ini").write_text(
        "[app:shop]\npaste.app_factory = no.such:main\ncurrency = EUR\nzodbconn.uri = x\n"
    )
    found = settings(IniFile.of(tmp_path, f"production.ini#{name}"))
    assert found["zodbconn.uri"] == f"zeo://{tmp_path}/zeo.sock"
    assert found["currency"] == "EUR"
    assert found["place"] == "elsewhere"


def test_without_a_uri_an_application_brings_no_databases() -> None:
    assert databases({"currency": "EUR"}) == ()


def test_the_main_database_comes_first_and_is_named_as_pyramid_zodbconn_names_it() -> None:
    found = databases({"zodbconn.uri.a": "zeo://localhost", "zodbconn.uri": "zeo://localhost:1"})
    assert [one.name for one in found] == ["", "a"]
    assert [one.config.database_name for one in found] == ["", "a"]


def test_a_zeo_server_has_the_section_that_a_client_of_ours_is_made_of() -> None:
    uri = (
        "zeo://[::1]:8090?storage=main&wait=0&wait_timeout=5&blob_dir=/a$b&shared_blob_dir=1"
        "&cache_size=20MB&client=c&connection_cache_size=500&connection_pool_size=3"
    )
    (found,) = databases({"zodbconn.uri": uri})
    section = found.config.storage
    assert type(section) is ZEOClient
    config = section.config
    assert [one.address for one in config.server] == [("::1", 8090)]
    assert (config.storage, config.blob_dir, config.shared_blob_dir) == ("main", "/a$b", True)
    assert (config.cache_size, config.client, config.wait) == (20 * 1024**2, "c", False)
    assert found.options["cache_size"] == 500
    assert found.options["pool_size"] == 3


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("zeo://db.example.org", ("db.example.org", 9991)),
        ("zeo://db.example.org:8090", ("db.example.org", 8090)),
        ("zeo:///var/run/zeo.sock", "/var/run/zeo.sock"),
    ],
)
def test_the_address_of_a_server_is_the_one_that_zodburi_means(uri: str, address: object) -> None:
    (found,) = databases({"zodbconn.uri": uri})
    assert [one.address for one in found.config.storage.config.server] == [address]


def test_a_zconfig_file_has_its_own_section(tmp_path: Path) -> None:
    (tmp_path / "zodb.conf").write_text(
        "<zodb a>\n<zeoclient>\nserver localhost:1\n</zeoclient>\n</zodb>\n"
        "<zodb b>\ncache-size 7\n<zeoclient>\nserver localhost:2\n</zeoclient>\n</zodb>\n"
    )
    (found,) = databases({"zodbconn.uri": f"zconfig://{tmp_path}/zodb.conf#b"})
    assert [one.address for one in found.config.storage.config.server] == [("localhost", 2)]
    assert found.options["cache_size"] == 7
