"""A PostgreSQL server of the tests' own: started, frozen, killed and stopped by its pid.

It listens at a socket in a folder of its own and nowhere else.  PostgreSQL refuses to be run by
root, who becomes another user for it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support.leftovers import MAY_RUN
from zcasync.testing.waiting import wait_until

#: Where Debian has the programs of a version; others have them among all programs.
DEBIAN = Path("/usr/lib/postgresql")
#: Whom root becomes: the user of Debian's package, else anybody who has nothing.
USERS = ("postgres", "nobody")
SUPERUSER = "zcasync"
#: Who needs a password at the database of that name, which is the password.
GUARDED = "guarded"
STOP_SECONDS = 30.0
#: Settings of the server besides PostgreSQL's defaults.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "log_line_prefix": "%m [%p] %a ",
}


def programs() -> Path | None:
    """The folder with PostgreSQL's programs; None: this machine has none."""
    found = sorted(
        (one for one in DEBIAN.glob("*/bin") if (one / "postgres").exists()),
        key=lambda one: float(one.parent.name),
    )
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


def why_not() -> str | None:
    """The reason why no server can be started here; None: one can."""
    if programs() is None:
        return "needs PostgreSQL: apt-get install postgresql"
    if os.geteuid() == 0 and _user() is None:
        return f"PostgreSQL refuses to run as root, and there is none of the users {USERS}"
    return None


class Postgres:
    """A server whose data and socket are in ``folder``, which can be started again there.

    ``settings``: of postgresql.conf, by their names.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._output = folder / "postgres.out"
        self._settings = {**SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    # the process

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """What it has said so far."""
        return self._output.read_text(errors="replace")

    def start(self) -> Self:
        """Start it, over new data where there are none, and wait until it answers."""
        if not self._data.exists():
            self._make_data()
        settings = {**self._settings, "unix_socket_directories": str(self.folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
                **_as_user(),
            )
        MAY_RUN.add(self.pid)
        wait_until(self._answers, "PostgreSQL to answer", seen=lambda: self.output[-3000:])
        MAY_RUN.update(self.family())
        return self

    def family(self) -> list[int]:
        """The pids of the server's processes, backends among them."""
        children = psutil.Process(self.pid).children(recursive=True) if self.is_alive else []
        return [self.pid, *(one.pid for one in children)]

    def backends(self, database: str) -> list[int]:
        """The pids of the processes that serve connections to a database."""
        shown = self.ask(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' "
            "AND pid <> pg_backend_pid()",
        )
        return [int(line) for line in shown.split()]

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes: SIGSTOP freezes the database."""
        for pid in self.family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it, whatever state it is in; SIGINT cuts its connections.  Safe to repeat."""
        if self._process is None:
            return
        if self.is_alive:
            self.send_all(signal.SIGCONT)
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            finally:
                if self.is_alive:
                    self.kill()
        MAY_RUN.discard(self.pid)

    def kill(self) -> None:
        """SIGKILL all of its processes, and wait until they are gone: a crash of the machine."""
        assert self._process is not None
        family = [psutil.Process(pid) for pid in self.family() if psutil.pid_exists(pid)]
        for one in family:
            one.kill()
        self._process.wait()
        _, left = psutil.wait_procs(family, STOP_SECONDS)
        assert not left, f"PostgreSQL's processes have not ended: {left}"
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    # its databases

    def dsn(self, database: str, user: str = SUPERUSER, **more: str) -> str:
        """How libpq connects to a database."""
        parts = {"host": str(self.folder), "dbname": database, "user": user, **more}
        return " ".join(f"{name}='{value}'" for name, value in parts.items())

    def make_database(self, name: str | None = None) -> str:
        """Make an empty database; its name."""
        if name is None:
            self._count += 1
            name = f"d{os.getpid()}_{self._count}"
        self.ask(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, with all connections to it.  Safe to repeat."""
        self.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def ask(self, statement: str, database: str = "postgres") -> str:
        """What a statement returns, as psql prints it, without a head."""
        done = subprocess.run(
            [
                self._program("psql"),
                "-XAtqvON_ERROR_STOP=1",
                "-d",
                self.dsn(database),
                "-c",
                statement,
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{statement}: {done.stderr}\n{self.output[-2000:]}"
        return done.stdout.strip()

    @contextmanager
    def holding(self, database: str, statement: str) -> Iterator[None]:
        """A session goes on for the block that begins with this statement, which has returned."""
        command = [self._program("psql"), "-XAtq", "-d", self.dsn(database)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(f"{statement};\n\\echo held\n")
            session.stdin.flush()
            while (line := session.stdout.readline()).strip() != "held":
                assert line, f"the session has ended: {statement}"
            yield
            session.stdin.close()

    # how

    def _answers(self) -> bool:
        assert self.is_alive, f"PostgreSQL has not started\n{self.output[-3000:]}"
        done = subprocess.run(
            [self._program("pg_isready"), "-q", "-h", str(self.folder), "-t", "5"], timeout=30
        )
        return done.returncode == 0

    def _make_data(self) -> None:
        """Make the files of a server that trusts whoever may enter its folder."""
        if os.geteuid() == 0:
            user = _user()
            assert user is not None
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o700)
        form = ["--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        self._run(["initdb", "-D", str(self._data), "-U", SUPERUSER, "--auth=trust", *form])
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")

    def _run(self, command: Sequence[str]) -> None:
        program, *arguments = command
        done = subprocess.run(
            [self._program(program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            **_as_user(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _program(self, name: str) -> str:
        folder = programs()
        assert folder is not None, why_not()
        return str(folder / name)


def _user() -> pwd.struct_passwd | None:
    """The user whom root becomes."""
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _as_user() -> dict[str, Any]:
    """Options of subprocess, for a process that is not root's, with a plain environment."""
    environment = {**os.environ, "LC_ALL": "C", "PGTZ": "UTC"}
    user = _user()
    if os.geteuid() != 0 or user is None:
        return {"env": environment}
    return {
        "env": environment,
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
    }
