"""A home whose database is damaged in one place or in several, and all who have to survive that."""

from __future__ import annotations

import io
import os
import random
import shutil
import uuid
from collections import defaultdict
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.utils import get_pickle_metadata

from tests.support import all_states
from tests.support.damage import DAMAGES, Damage, overwrite
from tests.support.fixtures import with_manager
from tests.support.sessions import ONE, Session
from zcasync.cli.main import execute
from zcasync.database.missing_classes import make_database
from zcasync.instance.settings import Settings
from zcasync.job.broken import broken
from zcasync.job.ids import hex_oid
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.liveness.watch import Watch
from zcasync.perform.performer import Performer
from zcasync.supervisor.database_session import DatabaseSession
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport

#: More passes than all of the jobs take.
ENOUGH = 60
#: The database itself: without its root not even ZODB opens it.
ROOT = "persistent.mapping"
#: What leads to everything: damaged together with others it may not be found again.
TRUNK = "zcasync.datamanager"


class Home:
    """A home in a folder, which nobody serves."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.file = folder / "var" / "Data.fs"

    @classmethod
    def make(cls, folder: Path) -> tuple[Home, dict[str, list[bytes]]]:
        """A home with jobs of all states, and the oids of these."""
        os.umask(0o077)
        for name in ("var", "etc", "log"):
            (folder / name).mkdir(parents=True)
        (folder / "etc" / "uuid.txt").write_text(f"{ONE}\n")
        home = cls(folder)
        with closing(home.open()) as db:
            with_manager(db)
            session = Session(db)
            jobs = all_states.fill(session)
            session.close()
        return home, jobs

    def copy(self, folder: Path) -> Home:
        """The same in another folder."""
        shutil.copytree(self.path, folder)
        return Home(folder)

    def open(self) -> DB:
        """The database, to write."""
        return make_database(FileStorage(os.fspath(self.file)))

    def records(self) -> dict[str, list[bytes]]:
        """The oids of all records, by the names of their classes."""
        found: dict[str, list[bytes]] = defaultdict(list)
        with closing(FileStorage(os.fspath(self.file), read_only=True)) as storage:
            oid: bytes | None = None
            while True:
                here, _, data, oid = storage.record_iternext(oid)
                module, name = get_pickle_metadata(data)
                if module not in (ROOT, TRUNK):
                    found[f"{module}.{name}"].append(here)
                if oid is None:
                    return found

    def damage(self, oid: bytes, how: Damage, chance: random.Random) -> None:
        """Damage one record."""
        with closing(FileStorage(os.fspath(self.file))) as storage:
            overwrite(storage, oid, lambda data: how(data, chance))

    def damage_any(
        self, records: dict[str, list[bytes]], count: int, chance: random.Random
    ) -> dict[bytes, str]:
        """Damage some records, of any kind in any way; oid -> in which."""
        hit: dict[bytes, str] = {}
        for _ in range(count):
            how = chance.choice(DAMAGES)
            oid = chance.choice(records[chance.choice(sorted(records))])
            if oid not in hit:
                self.damage(oid, how, chance)
                hit[oid] = how.__name__
        return hit

    def run(self, *words: str) -> tuple[int, str]:
        """A command line in this process: its exit code, and what it prints; no traceback."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = execute([*words, "--home", str(self.path)])
        text = err.getvalue()
        assert code in (0, 1, 2), f"{words}: {code}"
        assert text.count("\n") <= 1, f"{words}: {text}"
        assert "traceback" not in text.lower(), f"{words}: {text}{self._log()}"
        return code, out.getvalue()

    def _log(self) -> str:
        return (self.path / "log" / "zcasync.log").read_text()


class Survivor:
    """An engine, with children in this process, over the database of a home."""

    def __init__(self, db: DB) -> None:
        self._db = db
        self._session = DatabaseSession(
            db, ONE, uuid.uuid4(), Settings(), Watch(), Environment(sleep=lambda seconds: None)
        )
        self.log: list[str] = []

    def work(self) -> None:
        """Start, do all that can be done, and stop."""
        registered = self._session.register()
        self.log += registered.log
        child = Session(self._db)
        for _ in range(ENOUGH):
            result = self._pass()
            for oid in result.hand_out.slots.get(0, []):
                self._perform(child, oid, registered.incarnation_oid)
            if not (result.hand_out.slots or result.claimed or result.retired):
                break
        else:
            raise AssertionError(f"there is no end to it: {self.log}")
        self._session.deregister(PassInput(is_last=True))
        child.close()

    def _pass(self) -> PassResult:
        ready = SlotReport(ready=True, room=20)
        result = self._session.make_pass(PassInput({0: ready}, SlotReport(), has_changes=True))
        self.log += result.log
        return result

    def _perform(self, child: Session, oid: bytes, incarnation: bytes) -> None:
        child.sync()
        partial = get(child.connection, oid, PartialRecord)
        if broken(partial) is None:  # else a child tells the supervisor so
            Performer().perform_claimed(partial, child.connection.get(incarnation))
        else:
            self.log.append(f"{hex_oid(oid)} cannot be loaded by a child")
