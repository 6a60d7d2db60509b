"""What older versions of ZODB and ZEO do otherwise: here it is as with the newest ones."""

from __future__ import annotations

import io
import pickle
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import transaction
import ZConfig
from persistent import Persistent
from ZODB import DB
from ZODB.broken import find_global
from ZODB.config import getDbSchema
from ZODB.DemoStorage import DemoStorage
from ZODB.MappingStorage import MappingStorage
from ZODB.POSException import ConflictError, POSKeyError

from zcasync.zeo import older
from zcasync.zeo.connections import use_class, use_class_factory
from zcasync.zeo.fenced import open_fenced
from zcasync.zeo.older import Database, StateLoadError, awaitable, open_section

#: What loading a Fragile raises.
ERRORS: list[Exception] = []


class Fragile(Persistent):
    """An object whose state cannot be loaded for as long as there is an error."""

    def __setstate__(self, state: Any) -> None:
        if ERRORS:
            raise ERRORS[0]
        super().__setstate__(state)


@pytest.fixture
def db() -> Iterator[DB]:
    made = DB(DemoStorage())
    with made.transaction() as connection:
        connection.root()["one"] = Fragile()
        connection.root()["one"].value = 1
    yield made
    ERRORS.clear()
    made.close()


def fragile(connection: Any) -> Any:
    """The object, not loaded."""
    found = connection.root()["one"]
    found._p_deactivate()
    return found


@pytest.fixture(params=["the database's", "its own"])
def connection(request: pytest.FixtureRequest, db: DB) -> Iterator[Any]:
    """A connection, with one class factory or the other one."""
    opened = open_fenced(db, transaction.TransactionManager())
    if request.param == "its own":
        use_class_factory(opened, by_name)
    yield opened
    ERRORS.clear()
    opened.transaction_manager.abort()
    opened.close()


# states that cannot be loaded


@pytest.mark.parametrize("error", [ImportError("no"), ValueError("no"), OverflowError("no")])
def test_a_state_that_cannot_be_loaded_is_that_error(connection: Any, error: Exception) -> None:
    obj = fragile(connection)
    ERRORS.append(error)
    with pytest.raises(StateLoadError) as caught:
        obj._p_activate()
    assert caught.value.__cause__ is error
    ERRORS.clear()
    assert obj.value == 1


def test_it_is_that_error_in_a_plain_connection_of_a_database_of_ours() -> None:
    made = Database(DemoStorage(), class_factory=by_name)
    connection = made.open(transaction.TransactionManager())
    connection.root()["one"] = Fragile()
    connection.transaction_manager.commit()
    obj = fragile(connection)
    ERRORS.append(ImportError("no"))
    with pytest.raises(StateLoadError):
        obj._p_activate()
    ERRORS.clear()
    made.close()


@pytest.mark.parametrize("error", [POSKeyError(b"12345678"), ConflictError("elsewhere")])
def test_what_the_storage_raises_meanwhile_stays_what_it_is(
    connection: Any, error: Exception
) -> None:
    obj = fragile(connection)
    ERRORS.append(error)
    with pytest.raises(type(error)) as caught:
        obj._p_activate()
    assert caught.value is error


def test_a_state_from_the_past_that_cannot_be_read_is_that_error(connection: Any) -> None:
    obj = fragile(connection)
    obj._p_activate()
    record, _ = connection._storage.load(obj._p_oid)
    with pytest.raises(StateLoadError):
        connection._reader.getState(record[:-2])


def test_a_stored_one_is_read_by_every_version() -> None:
    made = pickle.loads(pickle.dumps(StateLoadError("no")))
    assert (type(made), made.args) == (StateLoadError, ("no",))


# class factories


def by_name(connection: Any, module: str, name: str) -> Any:
    """A class factory."""
    return find_global(module, name)


def section() -> Any:
    """A database of a configuration that is not open yet."""
    text = "<zodb>\n<mappingstorage>\n</mappingstorage>\n</zodb>"
    config, _ = ZConfig.loadConfigFile(getDbSchema(), io.StringIO(text))
    [found] = config.database
    return found


def test_a_database_makes_classes_by_the_factory_from_its_root_on() -> None:
    asked: list[str] = []

    def factory(connection: Any, module: str, name: str) -> Any:
        asked.append(name)
        return find_global(module, name)

    storage = MappingStorage()
    DB(storage)  # makes the root
    made = Database(storage, class_factory=factory, database_name="main")
    assert asked == ["PersistentMapping"]
    assert made.open(transaction.TransactionManager()).root() == {}
    assert made.databases == {"main": made}
    made.close()


def test_a_database_of_a_configuration_makes_classes_by_the_factory() -> None:
    made = open_section(section(), {}, by_name)
    use_class(made, made.klass)
    assert made.classFactory is by_name
    assert made.open(transaction.TransactionManager())._reader._factory is by_name
    made.close()


def test_the_factory_that_a_configuration_names_is_kept() -> None:
    named = section()
    named.config.class_factory = by_name
    made = open_section(named, {}, find_global)
    assert made.classFactory is by_name
    made.close()


# coroutines


class Returned(BaseException):
    """How a generator of an older ZEO returns its result."""

    def __init__(self, value: Any) -> None:
        self.value = value


def result_of(coroutine: Any) -> list[Any]:
    """What a coroutine has waited for, and then what it returns."""
    seen: list[Any] = []
    try:
        while True:
            seen.append(coroutine.send(f"answer to {seen[-1]}" if seen else None))
    except StopIteration as end:
        return [*seen, end.value]


def test_a_generator_of_an_older_zeo_can_be_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "_Returned", Returned)

    def steps() -> Generator[Any, Any, Any]:
        answer = yield "question"
        raise Returned(answer)

    async def waits() -> Any:
        return await awaitable(steps())

    assert result_of(waits()) == ["question", "answer to question"]


def test_an_error_of_such_a_generator_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "_Returned", Returned)

    def steps() -> Generator[Any, Any, Any]:
        yield "question"
        raise KeyError("gone")

    async def waits() -> Any:
        return await awaitable(steps())

    with pytest.raises(KeyError, match="gone"):
        result_of(waits())


def test_a_coroutine_of_a_newer_zeo_is_awaited_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "_Returned", None)

    async def answer() -> int:
        return 7

    coroutine = answer()
    assert awaitable(coroutine) is coroutine
    assert result_of(coroutine) == [7]
