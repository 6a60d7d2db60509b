"""The database server of the sample with TLS lets in who has a certificate of its authority."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest
import transaction

from tests.docs.guides import DOCS, blocks, commands
from tests.processes.servers import database_server, listens
from tests.support.instance import ROOT
from tests.support.ports import free_port
from zcasync.database.opening import open_databases
from zcasync.errors import StorageAway
from zcasync.instance.home import Home
from zcasync.instance.settings import load
from zcasync.testing.waiting import wait_until
from zcasync.zeo.peers import CheckedProtocol

PORT = "8100"
SECONDS = 20.0
#: For a client that is not let in.
SHORT_SECONDS = 1.0


def make_certificates(folder: Path) -> None:
    """Do what the guide says."""
    (folder / "etc" / "tls").mkdir(parents=True)
    (folder / "etc" / "openssl.cnf").write_text((ROOT / "etc" / "openssl.cnf").read_text())
    guide = blocks((DOCS / "several-workers.rst").read_text())
    consoles = [commands(block.body) for block in guide if block.kind == "console"]
    lines = [line for console in consoles for line, _ in console]
    made = [line for line in lines if line.startswith("openssl req")]
    assert len(made) == 3
    for line in made:
        subprocess.run(["/bin/sh", "-c", line], cwd=folder, check=True, capture_output=True)


class Site:
    """A server with the sample's configuration, and clients with variants of theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "var").mkdir(mode=0o700)
        make_certificates(folder)
        (folder / "zeo.conf").write_text(self.sample("zeo-tls.conf"))

    def sample(self, name: str) -> str:
        """A sample, with the port of this server."""
        text = (ROOT / "etc" / name).read_text()
        assert f":{PORT}" in text
        return text.replace(f":{PORT}", f":{self.port}")

    def greeting(self, certificate: str | None) -> bytes:
        """What the server says first: its protocol, or nothing to those whom it does not let in."""
        context = ssl.create_default_context(cafile="etc/tls/ca.pem")
        if certificate is not None:
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
        with (
            suppress(ssl.SSLError, ConnectionError),
            socket.create_connection(("127.0.0.1", self.port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            return client.makefile("rb").read(6)
        return b""

    def commit(self, config: str, seconds: float = SECONDS) -> None:
        """Commit as a client with this configuration.  Raises StorageAway."""
        home = Home(self.folder / "home")
        home.create()
        home.config_file.write_text(config)
        db = open_databases(home, load(home), seconds)
        try:
            with db.transaction() as connection:
                connection.root()["number"] = connection.root().get("number", 0) + 1
        finally:
            db.close()


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(folder)
    monkeypatch.chdir(folder)  # the samples name their files from here
    command = [sys.executable, "-P", "-m", "zcasync.zeo", "-C", "zeo.conf"]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={"PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: listens(made.port), "the server to listen")
        yield made
    finally:
        process.terminate()
        process.wait(SECONDS)
        transaction.abort()


def test_a_client_with_a_certificate_of_the_authority_is_let_in(site: Site) -> None:
    site.commit(site.sample("zcasync-tls.conf"))

    assert "can read and write the database" not in (site.folder / "out").read_text()


def test_others_are_not(site: Site) -> None:
    make_certificates(site.folder / "strangers")

    assert site.greeting("etc/tls/client") == b"\x00\x00\x00\x02Z5"
    for other in (None, "strangers/etc/tls/client", "etc/tls/server"):
        assert site.greeting(other) == b""
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as plain:
        plain.sendall(b"\x00\x00\x00\x02Z5")
        assert b"Z5" not in plain.recv(100)

    config = site.sample("zcasync-tls.conf")
    without = config[: config.index("    <ssl>")] + "  </clientstorage>\n</zodb>\n"
    with pytest.raises(StorageAway):
        site.commit(without, SHORT_SECONDS)
    site.commit(config)  # while these are refused, others work


def variants(site: Site) -> dict[str, str]:
    """Configurations of clients that cannot connect, by what is said of each."""
    make_certificates(site.folder / "strangers")
    config = site.sample("zcasync-tls.conf")
    without = config[: config.index("    <ssl>")] + "  </clientstorage>\n</zodb>\n"
    stranger = config.replace(" etc/tls/client", " strangers/etc/tls/client")
    return {
        "asks for certificates and this client has no <ssl>": without,
        "when it has seen this client's certificate": stranger,
        "is a server whose certificate is not trusted here": config.replace(
            "authenticate etc", "authenticate strangers/etc"
        ),
    }


def test_both_sides_say_why_they_do_not_come_together(site: Site) -> None:
    for why, config in variants(site).items():
        with pytest.raises(StorageAway, match=why) as raised:
            site.commit(config, SHORT_SECONDS)
        assert f"at port {site.port} of 127.0.0.1" in str(raised.value)
    assert site.greeting(None) == b""

    output = (site.folder / "out").read_text()
    for reason in (
        "CERTIFICATE_VERIFY_FAILED; it needs an <ssl> with a certificate",
        "UNKNOWN_CA; its authenticate has to name the authority",
        "PEER_DID_NOT_RETURN_A_CERTIFICATE; it needs an <ssl>",
    ):
        assert reason in output


def test_a_client_that_is_refused_does_not_try_again_at_once(site: Site) -> None:
    config = variants(site)["when it has seen this client's certificate"]
    made: list[object] = []
    with mock.patch.object(CheckedProtocol, "connection_made", autospec=True) as connected:
        connected.side_effect = lambda protocol, transport: (
            made.append(protocol),
            super(CheckedProtocol, protocol).connection_made(transport),
        )
        with pytest.raises(StorageAway):
            site.commit(config, SHORT_SECONDS)
    assert len(made) == 1


def test_a_client_with_tls_is_told_of_a_server_without(folder: Path) -> None:
    make_certificates(folder)
    with database_server(folder) as port:
        config = (ROOT / "etc" / "zcasync-tls.conf").read_text()
        config = config.replace(PORT, str(port)).replace(" etc/tls", f" {folder}/etc/tls")
        file = folder / "client.conf"
        file.write_text(config)
        home = Home(folder / "home")
        home.create()
        with pytest.raises(StorageAway, match="without TLS, and this client has <ssl>"):
            open_databases(home, load(home, file), SHORT_SECONDS)


def test_a_client_lets_no_other_server_take_its_place(site: Site) -> None:
    make_certificates(site.folder / "strangers")
    config = site.sample("zcasync-tls.conf")
    line = "authenticate etc/tls/ca.pem"
    assert line in config

    other = config.replace(line, "authenticate strangers/etc/tls/ca.pem")
    with pytest.raises(StorageAway):
        site.commit(other, SHORT_SECONDS)
