"""Our client, made from a section of a configuration, is told what ZEO's own one would be."""

from __future__ import annotations

import inspect
import io
import ssl
from pathlib import Path
from typing import Any

import pytest
import ZConfig
import ZEO.ClientStorage
import ZEO.zconfig
from ZEO.ClientStorage import ClientStorage
from ZODB.config import ZEOClient, getDbSchema

from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.sections import is_client_section, open_client_section, server_address

SHORT = "<zeoclient>\nserver 127.0.0.1:1\n</zeoclient>"
LONG = """
<zeoclient a-name>
  server 127.0.0.1:1
  server /somewhere/socket
  blob-dir {folder}
  shared-blob-dir yes
  blob-cache-size 10MB
  blob-cache-size-check 7
  storage two
  cache-size 3MB
  client persistent
  var {folder}
  min-disconnect-poll 2
  max-disconnect-poll 4
  wait off
  read-only on
  read-only-fallback on
  username me
  password secret
  realm here
  drop-cache-rather-verify on
  client-label it-is-me
</zeoclient>
"""
SHORT_OTHER = "<clientstorage>\nserver 127.0.0.1:1\n</clientstorage>"
LONG_OTHER = """
<clientstorage>
  server 127.0.0.1:1
  cache-size 3MB
  cache-path {folder}/cache
  name a-name
  storage two
  blob-dir {folder}
  read-only on
  server-sync on
  wait-timeout 7
  client-label it-is-me
  <ssl>
    certificate {folder}/certificate.pem
  </ssl>
</clientstorage>
"""


#: No section has the client's own class for its connections.
NOT_SAID = ("self", "_client_factory")


def section_of(text: str) -> Any:
    """What the configuration of a database with this storage makes of it."""
    text = f"%import ZEO\n<zodb>\n{text}\n</zodb>"
    config, _ = ZConfig.loadConfigFile(getDbSchema(), io.StringIO(text))
    return config.database[0].config.storage


@pytest.mark.parametrize("text", [SHORT, LONG, SHORT_OTHER, LONG_OTHER])
def test_what_a_section_says_is_told_the_client(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = inspect.signature(ZEO.ClientStorage.ClientStorage.__init__)
    told: list[dict[str, Any]] = []

    def note(self: Any, *args: Any, **options: Any) -> None:
        given = signature.bind(self, *args, **options)
        given.apply_defaults()
        says = {key: each for key, each in given.arguments.items() if key not in NOT_SAID}
        told.append({key: value or None for key, value in says.items()})  # an empty name is none

    monkeypatch.setattr(ZEO.zconfig, "ssl_config", lambda *args: ("context", "host"))
    section = section_of(text.format(folder=tmp_path))
    assert is_client_section(section)
    monkeypatch.setattr(ZEO.ClientStorage.ClientStorage, "__init__", note)
    section.open()
    made = open_client_section(section)
    assert type(made) is PipelinedClientStorage
    theirs, ours = told
    assert theirs == ours
    open_client_section(section, wait=False)
    assert told[2] == {**ours, "wait": None}


def test_a_section_that_an_application_derives_makes_its_own_client() -> None:
    class Section(ZEOClient):  # type: ignore[misc]
        pass

    assert not is_client_section(Section(section_of(SHORT).config))
    assert not is_client_section(object())


@pytest.mark.parametrize("context", [None, ssl.create_default_context()], ids=["plain", "TLS"])
def test_another_process_is_not_told_of_a_server_that_it_has_no_certificate_for(
    context: ssl.SSLContext | None,
) -> None:
    client = ClientStorage(("127.0.0.1", 1), storage="two", ssl=context, wait=False)
    try:
        found = server_address(client)
    finally:
        client.close()
    assert found == (None if context else ([("127.0.0.1", 1)], "two"))
