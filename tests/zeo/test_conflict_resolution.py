"""A server resolves the conflicts of BTrees and of classes that it was told of, and loads no other.

The tests' clients commit over records that others have just changed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import transaction
import ZODB
import ZODB.ConflictResolution
from BTrees.Length import Length
from BTrees.OOBTree import OOBTree, OOBucket
from ZEO.ClientStorage import ClientStorage
from ZODB.Connection import TransactionMetaData
from ZODB.POSException import ConflictError
from ZODB.serialize import get_refs
from ZODB.utils import p64, z64
from zodbpickle import pickle as zodb_pickle

from tests.processes.servers import Server, own_server
from tests.support.instance import ROOT, SHORT, Instance
from tests.zeo.counters import Counter
from tests.zeo.raw_clients import touch
from zcasync.zeo.conflict_resolution import NAMED, NOT_ALLOWED, AllowedClasses, Notices

OID = p64(1)
#: A module of the server's, which tells when it is imported.
COUNTING = """
import os
from pathlib import Path
from persistent import Persistent

Path(__file__).with_name("imported").touch()

class Counter(Persistent):
    def _p_resolveConflict(self, old, saved, new):
        return {"count": saved["count"] + new["count"] - old["count"]}

class Other(Counter):
    pass

class Newest(Persistent):
    def _p_resolveConflict(self, old, saved, new):
        return new
"""
#: One that cannot be imported, and counts how often that is tried.
BROKEN = """
from pathlib import Path

with Path(__file__).with_name("tries").open("a") as file:
    file.write("x")
1 / 0
"""


class Servers:
    """Starts servers that can import ``counting``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "counting.py").write_text(COUNTING)

    @property
    def has_imported(self) -> bool:
        """Whether one has imported it."""
        return (self.folder / "imported").exists()

    @contextmanager
    def start(self, *names: str) -> Iterator[Server]:
        """One that resolves the conflicts of these classes."""
        more = "".join(f"resolve-conflicts {name}\n" for name in names)
        made = Server(
            self.folder, [ROOT, self.folder], module="zcasync.zeo", log_level="warning", more=more
        )
        try:
            yield made.start()
        finally:
            made.stop()


@pytest.fixture
def servers(folder: Path) -> Servers:
    return Servers(folder)


def store(storage: Any, serial: bytes, record: bytes) -> bytes:
    """Commit a record over the revision with this serial; the new serial."""
    about = TransactionMetaData()
    try:
        storage.tpc_begin(about)
        storage.store(OID, serial, record, "", about)
        storage.tpc_vote(about)
        return storage.tpc_finish(about)  # type: ignore[no-any-return]
    except BaseException:
        storage.tpc_abort(about)
        raise


def conflict(address: Any, *records: bytes) -> bytes:
    """Commit three records, the third one over the first; what is stored in the end.

    Raises ConflictError where nobody resolves that.
    """
    storage = ClientStorage(address)
    try:
        try:
            serial = storage.load(OID)[1]
        except KeyError:
            serial = z64
        first = store(storage, serial, records[0])
        store(storage, first, records[1])
        store(storage, first, records[2])
        return storage.load(OID)[0]  # type: ignore[no-any-return]
    finally:
        storage.close()


def counters(name: str) -> list[bytes]:
    """Records of a class that is in no module here."""
    kind = b"\x80\x02c" + name.replace(".", "\n").encode() + b"\n."
    return [kind + pickle.dumps({"count": number}, 2) for number in (1, 11, 101)]


def state(record: bytes) -> Any:
    return pickle.loads(record[record.index(b".") + 1 :])


def address(server: Server) -> tuple[str, int]:
    return "127.0.0.1", server.port


# what is resolved


def test_trees_and_lengths_need_no_setting(servers: Servers) -> None:
    with servers.start() as server:
        db = ZODB.DB(ClientStorage(address(server)))
        managers = transaction.TransactionManager(), transaction.TransactionManager()
        try:
            with db.transaction() as connection:
                connection.root()["tree"] = OOBTree({0: Length()})
                connection.root()["length"] = Length()
            roots = [db.open(manager).root() for manager in managers]
            for number, root in enumerate(roots, 1):
                root["tree"][number] = Length(number)  # an object of its own, referred to
                root["length"].change(number)
            for manager in managers:
                manager.commit()
            with db.transaction() as connection:
                assert sorted(connection.root()["tree"]) == [0, 1, 2]
                assert [one() for one in connection.root()["tree"].values()] == [0, 1, 2]
                assert connection.root()["length"]() == 3
        finally:
            for manager in managers:
                manager.abort()
            db.close()


def test_references_to_classes_that_are_not_loaded_are_kept(servers: Servers) -> None:
    def bucket(*keys: int) -> bytes:
        state = b"".join(b"K%c" % key + reference(key) for key in keys)
        return pickle.dumps(OOBucket, 2) + b"\x80\x02((" + state + b"tt."

    def reference(oid: int) -> bytes:
        return b"(U\x08" + p64(oid) + b"ccounting\nCounter\ntQ"

    with servers.start() as server:
        stored = conflict(address(server), bucket(1), bucket(1, 2), bucket(1, 3))

    assert sorted(get_refs(stored)) == [(p64(oid), ("counting", "Counter")) for oid in (1, 2, 3)]
    assert not servers.has_imported


def test_a_class_of_the_configuration_resolves(servers: Servers) -> None:
    with servers.start("counting.Counter") as server:
        stored = conflict(address(server), *counters("counting.Counter"))

    assert state(stored) == {"count": 111}


def test_the_embedded_server_has_the_setting_too(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{servers.folder}")
    with own_server(servers.folder, resolve_conflicts=["counting"]) as path:
        stored = conflict(path, *counters("counting.Other"))

    assert state(stored) == {"count": 111}


def test_a_home_says_what_its_own_server_resolves(make_instance: Callable[..., Instance]) -> None:
    setting = "<zcasync>\n  resolve-conflicts tests.zeo.counters\n"
    instance = make_instance(config=SHORT.replace("<zcasync>\n", setting)).start()
    counter = instance.client.add("counter", Counter())
    with instance.client.db.transaction() as other:
        counter.count += 1  # begun before the other one commits
        other.root()["counter"].count += 10
    instance.client.commit()
    instance.client.sync()

    assert counter.count == 11


# what is not


def test_a_class_that_is_not_allowed_is_not_even_imported(servers: Servers) -> None:
    with servers.start("counting.Other") as server:
        with pytest.raises(ConflictError):
            conflict(address(server), *counters("counting.Counter"))

        assert not servers.has_imported
        [line] = [line for line in server.output.splitlines() if "resolve-conflicts" in line]
        assert line.endswith("allow it with: resolve-conflicts counting.Counter")
        assert "Traceback" not in server.output


def test_the_state_of_a_tree_calls_nothing(servers: Servers) -> None:
    marker = servers.folder / "marker"
    tree = pickle.dumps(OOBTree, 3)
    quiet, loud = (tree + pickle.dumps(value, 3) for value in (None, {"a": [touch(marker)]}))
    with servers.start() as server, pytest.raises(ConflictError):
        conflict(address(server), quiet, quiet, loud)

    assert not marker.exists()


# names


@pytest.mark.parametrize(
    ("names", "module", "name"),
    [
        ((), "BTrees.OOBTree", "OOBTree"),
        ((), "BTrees.IOBTree", "IOTreeSet"),
        ((), "BTrees.Length", "Length"),
        ((), "datetime", "datetime"),
        (("ast",), "ast", "Name"),
        (("ast.Name",), "ast", "Name"),
        (("email",), "email.message", "Message"),
    ],
)
def test_classes_that_are_allowed_are_found(names: tuple[str], module: str, name: str) -> None:
    assert AllowedClasses(names).find(module, name) is getattr(import_module(module), name)


@pytest.mark.parametrize(
    ("names", "module", "name"),
    [
        ((), "builtins", "eval"),
        ((), "BTrees.OOBTree", "Persistent"),
        ((), "BTrees.OOBTree", "OOBTreePy"),
        ((), "BTrees.check", "check"),
        ((), "zcasync.partial", "Partial"),
        (("ast",), "ast", "parse"),  # no class
        (("ast",), "ast", "IntEnum"),  # a class from elsewhere
        (("ast.Name",), "ast", "Call"),
        (("email",), "emails", "Message"),
        (("os.system",), "os", "system"),
    ],
)
def test_all_others_are_stand_ins(names: tuple[str], module: str, name: str) -> None:
    found = AllowedClasses(names).find(module, name)

    assert isinstance(found, ZODB.ConflictResolution.BadClass)
    assert found.args == (module, name)
    for make in (found, lambda: found.__new__(found), lambda: found(1, a=2)):
        with pytest.raises(ZODB.ConflictResolution.BadClassName):
            make()


@pytest.mark.parametrize("name", [(), ("os",), ("os", 1), ("os", "system", "x"), (["os"], "x")])
def test_what_is_no_name_finds_nothing(name: tuple[Any, ...]) -> None:
    with pytest.raises(ZODB.ConflictResolution.BadClassName):
        AllowedClasses().find(*name)


# what is allowed and cannot be had


def test_a_module_that_cannot_be_imported_is_said_once(servers: Servers) -> None:
    (servers.folder / "broken.py").write_text(BROKEN)
    with servers.start("broken", "nosuch") as server:
        for name in ("broken.Counter", "nosuch.Counter"):
            for _ in range(3):
                with pytest.raises(ConflictError):
                    conflict(address(server), *counters(name))

        lines = [line for line in server.output.splitlines() if "cannot be imported" in line]
        assert [line.partition("the class ")[2] for line in lines] == [
            "broken.Counter, which is allowed, cannot be imported here: "
            "ZeroDivisionError: division by zero",
            "nosuch.Counter, which is allowed, cannot be imported here: "
            "ModuleNotFoundError: No module named 'nosuch'",
        ]
        assert "Traceback" not in server.output
    assert (servers.folder / "tries").read_text() == "x"


def test_references_to_what_cannot_be_imported_are_kept_too(servers: Servers) -> None:
    def bucket(*keys: int) -> bytes:
        refs = b"".join(b"K%c(U\x08" % key + p64(key) + b"cno.such\nCounter\ntQ" for key in keys)
        return pickle.dumps(OOBucket, 2) + b"\x80\x02((" + refs + b"tt."

    with servers.start("no.such") as server:
        stored = conflict(address(server), bucket(1), bucket(1, 2), bucket(1, 3))

    assert sorted(get_refs(stored)) == [(p64(oid), ("no.such", "Counter")) for oid in (1, 2, 3)]


# classes as values


def test_a_class_as_a_value_is_left_to_the_clients_with_its_name(servers: Servers) -> None:
    data = b"\x80\x02ccounting\nNewest\n.\x80\x02}X\x04\0\0\0kindccounting\nCounter\ns."
    with servers.start("counting.Newest") as server:
        with pytest.raises(ConflictError):
            conflict(address(server), data, data, data)

        [line] = [line for line in server.output.splitlines() if "resolve-conflicts" in line]
        assert line.endswith("allow it with: resolve-conflicts counting.Counter")
        assert "Traceback" not in server.output


def test_no_stand_in_can_be_written() -> None:
    found = AllowedClasses().find("counting", "Counter")
    with pytest.raises(ZODB.ConflictResolution.BadClassName):
        zodb_pickle.dumps({"kind": found}, 3)


# the log


def test_the_log_does_not_grow_with_the_names_that_clients_choose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notices = Notices()
    for _ in range(2):
        for number in range(3 * NAMED):
            notices.say("evil", f"Name{number}", NOT_ALLOWED)

    assert len(caplog.messages) == NAMED + 1
    assert "no more" in caplog.messages[-1]
