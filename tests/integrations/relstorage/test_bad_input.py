"""What can be wrong with a storage in a configuration: one line, an exit code, what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integrations.relstorage.homes import home_config, opened, section
from tests.support.postgres import GUARDED, Postgres

WRONG, AWAY = 2, 3


@pytest.fixture(scope="module")
def databases(postgres: Postgres) -> Iterator[Postgres]:
    """The server with an empty database, one without history, and a user with a password."""
    postgres.ask(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{GUARDED}'")
    postgres.make_database("bad")
    postgres.make_database("free")
    with opened(postgres.dsn("free"), keep_history=False):
        pass
    yield postgres
    postgres.drop_database("bad")
    postgres.drop_database("free")
    postgres.ask(f"DROP ROLE {GUARDED}")


def refused(folder: Path, config: str, *command: str) -> tuple[int, str]:
    """The exit code of a command on a home with this configuration, and its one line."""
    home = folder / "home"
    (home / "etc").mkdir(parents=True, exist_ok=True)
    (home / "etc" / "zcasync.conf").write_text(config)
    command = command or ("status", "--timeout", "30")
    done = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *command, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("changes", "said", "remedy"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist', "createdb"),
        ({"user": "stranger"}, 'role "stranger" does not exist', "createuser"),
        ({"user": GUARDED, "password": "x"}, "password authentication failed", "pgpass"),
        ({"user": GUARDED}, "no password", "pgpass"),
        ({"user": GUARDED, "password": GUARDED}, "permission denied", "own the database"),
        ({"hots": "x"}, "connection string", "host=HOST dbname=NAME"),
    ],
)
def test_a_dsn_that_does_not_lead_there(
    databases: Postgres, folder: Path, changes: dict[str, str], said: str, remedy: str
) -> None:
    dsn = databases.dsn(**{"database": "bad", **changes})

    code, line = refused(folder, home_config(dsn))

    assert (code, said in line, remedy in line) == (WRONG, True, True), line


@pytest.mark.parametrize("command", [("status", "--timeout", "5"), ("run",)], ids=lambda c: c[0])
def test_a_server_that_is_not_there_is_waited_for(folder: Path, command: tuple[str, ...]) -> None:
    config = home_config(f"host='{folder}' dbname='x'", settings="storage-timeout 1")

    code, line = refused(folder, config, *command)

    assert code == AWAY
    assert "start it, or correct the dsn" in line or "did not answer within 5 s" in line


@pytest.mark.parametrize("database", ["bad", "free"], ids=["no-tables", "of-the-other-kind"])
def test_tables_that_are_not_there(databases: Postgres, folder: Path, database: str) -> None:
    config = home_config(databases.dsn(database), storage="create-schema false")

    code, line = refused(folder, config)

    assert (code, "keep-history" in line, "create-schema" in line) == (WRONG, True, True), line


@pytest.mark.parametrize("command", ["status", "check"])
def test_two_databases_that_are_one(databases: Postgres, folder: Path, command: str) -> None:
    dsn = databases.dsn("bad", application_name="other")
    config = section(databases.dsn("bad"), name="main") + section(dsn, name="other")

    if command == "status":
        code, line = refused(folder, config)
        assert (code, "are one database" in line, "dbname" in line) == (WRONG, True, True), line
    else:
        home = folder / "home"
        (home / "etc").mkdir(parents=True)
        (home / "etc" / "zcasync.conf").write_text(config)
        done = subprocess.run(
            [sys.executable, "-m", "zcasync.cli.main", "check", "--home", str(home)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, "are one database" in done.stdout + done.stderr) == (WRONG, True)


def test_two_storages_of_one_name(databases: Postgres, folder: Path) -> None:
    config = section(databases.dsn("bad"), storage="name same", name="main") + section(
        databases.dsn("free"), storage="name same", name="other"
    )

    code, line = refused(folder, config)

    assert (code, "named 'same'" in line) == (WRONG, True), line


@contextmanager
def old_server(folder: Path) -> Iterator[str]:
    """A server that says of itself what PostgreSQL 9.2 says, and knows no newer statement."""
    path = folder / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield f"host='{folder}' dbname='x' user='x'"
        listener.shutdown(socket.SHUT_RDWR)


def _message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(connection,), daemon=True).start()


def _converse(connection: socket.socket) -> None:
    ready = _message(b"Z", b"I")
    hello = [
        _message(b"R", bytes(4)),
        _message(b"S", b"server_version\0", b"9.2.24\0"),
        _message(b"S", b"client_encoding\0", b"UTF8\0"),
        _message(b"S", b"DateStyle\0", b"ISO, MDY\0"),
        _message(b"S", b"standard_conforming_strings\0", b"on\0"),
        ready,
    ]
    error = _message(b"E", b"SERROR\0", b"C42601\0", b'Msyntax error at or near "ON"\0', b"\0")
    with connection:
        connection.recv(8192)
        connection.sendall(b"".join(hello))
        while (data := connection.recv(8192))[:1] == b"Q":
            is_begin = data[5:].startswith((b"BEGIN", b"ROLLBACK", b"SET"))
            done = _message(b"C", data[5:].split(b" ")[0].rstrip(b"\0") + b"\0")
            connection.sendall((done if is_begin else error) + ready)


def test_an_old_server(folder: Path) -> None:
    with old_server(folder) as dsn:
        code, line = refused(folder, home_config(dsn))

    assert (code, "PostgreSQL 9.2 is too old" in line) == (WRONG, True), line
