"""Another process is told all options of a client, but for those that only its own can have."""

from __future__ import annotations

import inspect
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from ZEO.ClientStorage import ClientStorage
from ZODB.DemoStorage import DemoStorage

from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.client_options import (
    has_certificates,
    is_client,
    open_client,
    options_of,
)

#: Options that are told apart, or not at all.
NOT_TOLD = {
    "addr": "",
    "storage": "",
    "wait": "how long a process waits at its start is its own matter",
    "client": "a part of the name of the cache",
    "var": "its folder",
    "ssl": "known to the process that has loaded its certificates",
    "ssl_server_hostname": "goes with them",
    # ZEO ignores them:
    "disconnect_poll": "",
    "min_disconnect_poll": "",
    "max_disconnect_poll": "",
    "drop_cache_rather_verify": "",
    "credentials": "",
    "username": "",
    "password": "",
    "realm": "",
}
#: A value for each of the others, not its default.
TOLD: dict[str, Any] = {
    "cache": "{folder}/front.zec",
    "cache_size": 3_000_000,
    "name": "front",
    "wait_timeout": 17,
    "read_only": True,
    "blob_dir": "{folder}/blobs",
    "shared_blob_dir": True,
    "blob_cache_size": 12_345_678,
    "blob_cache_size_check": 7,
    "client_label": "it is me",
    "server_sync": True,
}


def test_each_option_of_a_client_is_told_or_has_a_reason() -> None:
    signature = inspect.signature(ClientStorage.__init__)
    options = {name for name in signature.parameters if name not in ("self", "_client_factory")}
    assert options == {*NOT_TOLD, *TOLD, "read_only_fallback"}


@pytest.mark.parametrize("access", ["read_only", "read_only_fallback"])
def test_a_client_is_made_with_the_options_of_another_one(folder: Path, access: str) -> None:
    told = {name: value for name, value in TOLD.items() if name != "read_only"} | {access: True}
    for name in ("blob_dir", "cache"):
        told[name] = told[name].format(folder=folder)
    there = ClientStorage(("127.0.0.1", 1), storage="two", wait=False, **told)
    try:
        options = json.loads(json.dumps(options_of(there)))
        assert options == told
        made = open_client([("127.0.0.1", 1)], "two", options)
        try:
            assert type(made) is PipelinedClientStorage
            assert options_of(made) == told | {"cache": f"{folder}/front.2.zec"}
        finally:
            made.close()
    finally:
        there.close()


def test_a_client_without_options_has_those_of_zeo(folder: Path) -> None:
    there = ClientStorage(("127.0.0.1", 1), wait=False)
    try:
        assert options_of(there) == {"cache_size": 20 * 1024**2, "wait_timeout": 30}
        assert not has_certificates(there)
    finally:
        there.close()


def test_secrets_are_not_told(folder: Path) -> None:
    secrets = {"username": "me", "password": "hush", "credentials": "hush", "realm": "hush"}
    context = ssl.create_default_context()
    there = ClientStorage(
        ("127.0.0.1", 1), client="front", var=str(folder), ssl=context, wait=False, **secrets
    )
    try:
        assert "hush" not in json.dumps(options_of(there))
        assert has_certificates(there)
        assert options_of(there)["cache"] == f"{folder}/front-1.zec"
    finally:
        there.close()


def test_what_is_no_client_is_none() -> None:
    assert not is_client(DemoStorage())
