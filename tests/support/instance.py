"""A supervisor as a real process, and a client of its database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import transaction
from ZEO.Exceptions import ClientDisconnected

import zcasync
from tests.support.audits import audited
from zcasync.database.client import open_for_reading
from zcasync.database.sync import catch_up_all, manager_database
from zcasync.datamanager import DataManager, Worker, find
from zcasync.instance.home import Home
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.protocol.control_client import ControlClient
from zcasync.testing.process import STOP_SECONDS, SupervisorProcess
from zcasync.testing.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
#: A folder for PYTHONPATH: supervisors with it load no module of the tests.
IMPORT_GUARD = ROOT / "tests" / "support" / "import_guard"
#: In the environment of every process that comes from this test run; names the run.
SESSION_VARIABLE = "ZCASYNC_TEST_SESSION"
SESSION = os.environ.setdefault(SESSION_VARIABLE, uuid.uuid4().hex)
if "PYTEST_XDIST_WORKER" in os.environ and not SESSION.endswith(os.environ["PYTEST_XDIST_WORKER"]):
    # Each of several test processes looks after what it has started itself.
    SESSION += os.environ["PYTEST_XDIST_WORKER"]
    os.environ[SESSION_VARIABLE] = SESSION

#: For supervisors that tests stop: nobody wants to wait.
SHORT = """
<zcasync>
  grace-period 5
  poll-seconds 2
</zcasync>
"""
#: The supervisors that may run now, and the folders that may exist now.
RUNNING: set[Instance] = set()
FOLDERS: set[Path] = set()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose name is short enough for unix sockets; removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="zc", dir="/tmp"))
    FOLDERS.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        FOLDERS.discard(folder)


class Client:
    """A connection to a database with a data manager, with a transaction manager of its own."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.transactions = transaction.TransactionManager()
        self.main = db.open(transaction_manager=self.transactions)
        name = manager_database(db).database_name
        self.connection = self.main if name == db.database_name else self.main.get_connection(name)

    @property
    def manager(self) -> DataManager:
        """The data manager."""
        found = find(self.connection)
        assert found is not None, "the database has no data manager"
        return found

    def worker(self, home: Path) -> Worker:
        """The worker of a home."""
        return self.manager.workers[uuid.UUID((home / "etc" / "uuid.txt").read_text().strip())]

    def put(self, call: Any, *args: Any, queue: str = "thread", **options: Any) -> Partial:
        """Put a call and commit."""
        partial = self.manager.queue(queue).put(Partial(call, *args), **options)
        self.commit()
        return partial

    def put_many(self, call: Any, count: int) -> list[Partial]:
        """Put the same call several times and commit once."""
        partials = self.manager.thread.put_many(Partial(call) for _ in range(count))
        self.commit()
        return partials

    def add(self, name: str, obj: Any) -> Any:
        """Keep an object in the root and commit."""
        self.main.root()[name] = obj
        self.commit()
        return obj

    def commit(self) -> None:
        self.transactions.commit()

    def sync(self) -> None:
        """See all that others have committed, also where another way of hearing was quicker."""
        with suppress(ClientDisconnected):  # then what we have heard has to do
            catch_up_all(self.db)
        self.transactions.begin()

    def wait_for(self, *partials: Partial, timeout: float = 30.0) -> Any:
        """Wait until the partials are completed; the result, or the list of results."""

        def all_done() -> bool:
            self.sync()
            return all(partial.state == COMPLETED for partial in partials)

        def seen() -> str:
            found = [f"{partial!r}: {partial.result!r}" for partial in partials[:20]]
            return "\n".join([*found, *(instance.evidence() for instance in RUNNING)])

        wait_until(all_done, f"{len(partials)} partials to complete", timeout, seen)
        results = [partial.result for partial in partials]
        return results[0] if len(partials) == 1 else results

    def completion(self, partial: Partial) -> Any:
        """Return the serial with which a partial was completed, whatever has written it since."""
        revisions = self.connection.db().history(partial._p_oid, size=9)
        for tid in sorted(revision["tid"] for revision in revisions):
            if self.connection.oldstate(partial, tid).get("_state") == COMPLETED:
                return tid
        raise AssertionError(f"{partial!r} was never completed")

    def wait_until(self, condition: Any, what: str, timeout: float = 30.0) -> Any:
        """Wait until the condition, asked in a new transaction each time, is true."""

        def ask() -> Any:
            self.sync()
            return condition()

        return wait_until(ask, what, timeout)

    def close(self) -> None:
        self.transactions.abort()
        self.main.close()
        for db in list(self.db.databases.values()):
            db.close()


class Instance(SupervisorProcess):
    """An instance home and the supervisor process that serves it, when one does."""

    def __init__(
        self, home: Path, children: int | None = 1, config: str | None = None, output: str = ""
    ) -> None:
        out = home.with_name(f"{output or home.name}.out")
        super().__init__(home, children, out, [IMPORT_GUARD, ROOT])
        self._client: Client | None = None
        self._imports = home.with_name(f"{output or home.name}.imports")
        self.environment["ZCASYNC_IMPORT_GUARD"] = str(self._imports)
        if config is not None:
            (home / "etc").mkdir(parents=True, exist_ok=True)
            (home / "etc" / "zcasync.conf").write_text(config)

    # the process

    def launch(self, command: list[str] | None = None) -> Self:
        """Start the supervisor; does not wait for anything."""
        super().launch(command)
        RUNNING.add(self)
        return self

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the supervisor has ended; its exit code."""
        code = super().wait(seconds)
        self.close_client()
        RUNNING.discard(self)
        self.require_no_imports()
        return code

    def require_no_imports(self) -> None:
        """The supervisor has loaded no module of the application, but for reactor jobs."""
        assert not self._imports.exists(), self._imports.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the supervisor gracefully; its exit code."""
        self.close_client()
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL the supervisor; what it has started may take a moment longer."""
        self.send(signal.SIGKILL)
        self.wait()

    def end(self) -> None:
        """Whatever state it is in, leave no process; for the end of a test."""
        self.close_client()
        try:
            if self.is_alive:
                self.end_family(signal.SIGTERM)
        finally:
            RUNNING.discard(self)
        self.require_no_imports()

    # what it says

    def evidence(self) -> str:
        """For a failed wait."""
        status = self.status() if self.is_alive else None
        return f"{super().evidence()}\n--- status\n{status}"

    def status(self, timeout: float = 10.0) -> dict[str, Any]:
        """What it answers at its control socket."""
        client = ControlClient(Home(self.home).control_socket, timeout)
        try:
            return client.status()
        finally:
            client.close()

    def child_pids(self, state: str | None = None) -> list[int]:
        """Of its children in slots, in one state or in any."""
        children = [child for child in self.status()["children"] if child["slot"] is not None]
        return [child["pid"] for child in children if state in (None, child["state"])]

    def wait_for_spare(self, timeout: float = 30.0) -> int:
        """Wait until there is a spare child that could take a job; its pid."""

        def spares() -> list[int]:
            children = self.status()["children"]
            return [
                child["pid"]
                for child in children
                if child["state"] == "spare" and child["note"] is None
            ]

        return wait_until(spares, "a spare child", timeout, self.evidence)[0]  # type: ignore[no-any-return]

    def wait_for_children(self, count: int, state: str | None = None) -> list[int]:
        """Wait until there are exactly so many in slots."""

        def look() -> list[list[int]]:
            pids = self.child_pids(state)
            return [pids] if len(pids) == count else []  # none may be the right list

        return wait_until(  # type: ignore[no-any-return]
            look,
            f"{count} children ({state or 'any state'})",
            seen=lambda: f"{self.status()}\n{self.evidence()}",
        )[0]

    # its database

    @property
    def client(self) -> Client:
        """A client of its database."""
        if self._client is None:
            self._client = Client(zcasync.open(self.home))
        return self._client

    def new_client(self) -> Client:
        """A client of its own; the caller closes it."""
        return Client(zcasync.open(self.home))

    def worker(self) -> Worker:
        """The worker of this home, through our client."""
        return self.client.worker(self.home)

    def close_client(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.close()


@contextmanager
def running(leaves: Collection[str] = ()) -> Iterator[Instance]:
    """A supervisor with two children for the tests of a folder.

    ``leaves``: the kinds of findings that they leave in its database on purpose.
    """
    with short_folder() as folder, audited(folder, leaves):
        instance = Instance(folder / "home", children=2, config=SHORT)
        try:
            yield instance.start()
        finally:
            instance.end()


@contextmanager
def stored(home: Path) -> Iterator[Client]:
    """What a stopped supervisor has left in the database, to be read."""
    client = Client(open_for_reading(Home(home), 10))
    try:
        yield client
    finally:
        client.close()


def engine_of(home: Path) -> str | None:
    """What the last supervisor of a home wrote about its engine; '' after a clean stop."""
    found = json.loads((home / "var" / "supervisor.json").read_text())
    return found["engine"]  # type: ignore[no-any-return]
