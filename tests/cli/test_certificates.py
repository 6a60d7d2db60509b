"""zcasync certificates: TLS between a server and its clients, made by one command."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.support.json_schema import problems

Cli = Callable[..., Result]
SECONDS = 20.0


def shake_hands(server: Path, client: Path, name: str) -> None:
    """A client of one folder connects to a server of another one.  Raises ssl.SSLError."""
    inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(server / "ca.pem"))
    inside.load_cert_chain(server / "server.pem", server / "server.key")
    inside.verify_mode = ssl.CERT_REQUIRED
    outside = ssl.create_default_context(cafile=str(client / "ca.pem"))
    outside.load_cert_chain(client / "client.pem", client / "client.key")
    refused: list[Exception] = []

    def serve(plain: socket.socket) -> None:
        try:
            with inside.wrap_socket(plain, server_side=True) as connection:
                connection.sendall(b"hello")
        except OSError as error:
            refused.append(error)

    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    theirs.settimeout(SECONDS)
    thread = threading.Thread(target=serve, args=(theirs,))
    thread.start()
    try:
        with outside.wrap_socket(ours, server_hostname=name) as connection:
            assert connection.recv(5) == b"hello"
    finally:
        ours.close()
        thread.join()
        theirs.close()
        assert refused == [] or all(isinstance(one, OSError) for one in refused)


def test_one_command_makes_all_that_the_hosts_need(cli: Cli, tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    done = cli(
        "certificates", tls, "--server", "storage.example.org", "--server", "10.0.0.5",
        "--client", "worker-1", "--client", "web-1",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "ca.key is new: keep it, and keep it from all hosts" in done.out
    made = {str(path.relative_to(tls)) for path in tls.rglob("*") if path.is_file()}
    assert made == {
        "ca.key", "ca.pem",
        *(f"storage.example.org/{name}" for name in ("ca.pem", "server.key", "server.pem")),
        *(f"{host}/{name}" for host in ("worker-1", "web-1")
          for name in ("ca.pem", "client.key", "client.pem")),
    }  # fmt: skip
    server = tls / "storage.example.org"
    for host in ("worker-1", "web-1"):
        shake_hands(server, tls / host, "storage.example.org")
    shake_hands(server, tls / "web-1", "10.0.0.5")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, tls / "web-1", "elsewhere.example.org")


def test_nobody_else_reads_the_keys(cli: Cli, tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    cli("certificates", tls, "--server", "storage", "--client", "worker")
    for key in tls.rglob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key
    for folder in (tls, tls / "storage", tls / "worker"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_it_renews_what_is_named_and_keeps_the_authority(cli: Cli, tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    cli("certificates", tls, "--server", "storage", "--client", "worker")
    before = {path: path.read_bytes() for path in tls.rglob("*") if path.is_file()}
    again = cli("certificates", tls, "--client", "worker", "--client", "new", "--json")
    assert problems(again.json, "certificates") == []
    assert again.json["authority_is_new"] is False
    assert [(one["host"], one["kind"]) for one in again.json["made"]] == [
        ("worker", "client"),
        ("new", "client"),
    ]
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"client.key", "client.pem"}
    for host in ("worker", "new"):
        shake_hands(tls / "storage", tls / host, "storage")


def test_a_client_of_another_authority_is_not_let_in(cli: Cli, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        cli("certificates", tmp_path / name, "--server", "storage", "--client", "worker")
    stranger = tmp_path / "theirs" / "worker"
    (stranger / "ca.pem").write_bytes((tmp_path / "ours" / "ca.pem").read_bytes())
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        shake_hands(tmp_path / "ours" / "storage", stranger, "storage")


@pytest.mark.parametrize(
    "name", ["../worker", "a/b", "", "-x", "a b", "DNS:a,IP:b", "ca.key", "a\n"]
)
def test_a_name_that_is_none_is_refused(cli: Cli, tmp_path: Path, name: str) -> None:
    done = cli("certificates", tmp_path / "tls", "--client", name)
    assert done.code == 2
    assert "is no name or address of a host" in done.error
    assert [path.name for path in (tmp_path / "tls").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("lost", ["ca.key", "ca.pem"])
def test_half_an_authority_is_refused(cli: Cli, tmp_path: Path, lost: str) -> None:
    cli("certificates", tmp_path, "--client", "worker")
    (tmp_path / lost).unlink()
    done = cli("certificates", tmp_path, "--client", "worker")
    assert done.code == 2
    assert "alone: an authority is two files, ca.key and ca.pem" in done.error


def test_a_key_that_is_not_the_authority_s_is_told(cli: Cli, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        cli("certificates", tmp_path / name, "--client", "worker")
    (tmp_path / "ours" / "ca.key").write_bytes((tmp_path / "theirs" / "ca.key").read_bytes())
    before = (tmp_path / "ours" / "worker" / "client.pem").read_bytes()
    done = cli("certificates", tmp_path / "ours", "--client", "worker")
    assert (done.code, "openssl (3.0 or later is needed) has failed" in done.error) == (2, True)
    assert (tmp_path / "ours" / "worker" / "client.pem").read_bytes() == before
    assert list((tmp_path / "ours").rglob(".new-*")) == []


def test_without_openssl_it_says_so(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("certificates", tmp_path / "tls", "--client", "worker")
    assert (done.code, "openssl is not installed" in done.error) == (2, True)


def test_nothing_to_do_is_wrong_use(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "name a --server or a --client" in cli("certificates", tmp_path).error
    done = cli("certificates", tmp_path / "file", "--client", "worker")
    assert (done.code, "cannot be made" in done.error) == (2, True)
