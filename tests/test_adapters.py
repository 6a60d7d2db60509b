"""The adapters, and configure()."""

import types

import pytest
from persistent import Persistent
from persistent.interfaces import IPersistent
from transaction.interfaces import ITransactionManager
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.interfaces import IConnection
from zope.component import getGlobalSiteManager, provideAdapter
from zope.interface import alsoProvides, implementer

import zcasync
from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Session
from zcasync import Partial, adapters
from zcasync.datamanager import find, install
from zcasync.interfaces import IDataManager, IDataManagerPartial, IPartial

pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def configured(registry: None) -> None:
    """What an application does at its start."""
    zcasync.configure()


def registered() -> list[tuple[object, ...]]:
    site = getGlobalSiteManager()
    return sorted(
        (repr(one.factory), repr(one.required), repr(one.provided))
        for one in site.registeredAdapters()
    )


def test_configure_can_be_repeated() -> None:
    zcasync.configure()
    first = registered()
    zcasync.configure()

    assert registered() == first
    assert len(first) == 17


def test_configure_registers_adapters_and_nothing_else() -> None:
    zcasync.configure()
    site = getGlobalSiteManager()

    assert list(site.registeredHandlers()) == []
    assert list(site.registeredUtilities()) == []
    assert list(site.registeredSubscriptionAdapters()) == []


def test_configure_never_replaces_what_the_application_registered(session: Session) -> None:
    manager = session.manager

    def mine(obj: object) -> object:
        return manager

    provideAdapter(mine, [IPersistent], IDataManager)
    zcasync.configure()
    zcasync.configure()

    assert IDataManager(Demo()) is manager
    assert IPartial(samples.nothing).callable is samples.nothing, "the others are registered"


def test_an_adapter_that_the_application_registers_later_wins_and_stays(session: Session) -> None:
    zcasync.configure()
    manager = session.manager
    provideAdapter(lambda obj: manager, [IPersistent], IDataManager)
    zcasync.configure()

    assert IDataManager(Demo()) is manager


@pytest.mark.usefixtures("configured")
def test_an_object_of_a_mounted_database_leads_to_the_only_data_manager_there_is(db: DB) -> None:
    for name in ("catalog", "archive"):
        DB(DemoStorage(), databases=db.databases, database_name=name)
    session = Session(db)
    catalog = session.connection.get_connection("catalog")
    catalog.root()["demo"] = demo = Demo()
    session.commit()
    assert IDataManager(demo) is session.manager
    assert list(catalog.root()) == ["demo"]

    install(session.connection.get_connection("archive"))
    session.commit()
    with pytest.raises(TypeError, match="Could not adapt"):
        IDataManager(demo)
    install(catalog)
    assert IDataManager(demo) is find(catalog)
    session.close()
    for name in ("catalog", "archive"):
        db.databases[name].close()


@pytest.mark.usefixtures("configured")
def test_a_persistent_object_leads_to_the_data_manager_of_its_database(session: Session) -> None:
    demo = session.keep(Demo())

    assert IDataManager(demo) is session.manager
    assert IDataManager(session.root) is session.manager
    assert IDataManager(Demo(), None) is None
    assert adapters.defaultDataManagerAdapter(demo) is session.manager


@pytest.mark.usefixtures("configured")
def test_a_partial_leads_to_the_data_manager_of_its_queue(session: Session) -> None:
    waiting = session.manager.reactor.put(samples.nothing)
    callback = waiting.addCallbacks(samples.nothing)
    chosen = callback.args[0]

    for partial in (waiting, callback, chosen):
        assert IDataManager(partial) is session.manager
    assert IDataManager(Partial(samples.nothing), None) is None
    assert IDataManager(session.keep(Partial(samples.nothing))) is session.manager


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("call", [samples.nothing, len, Demo().increase, Demo.make])
@pytest.mark.parametrize("interface", [IPartial, IDataManagerPartial])
def test_calls_adapt_to_partials(call: object, interface: type) -> None:
    partial = interface(call)

    assert interface.providedBy(partial)
    assert partial.callable == call


@pytest.mark.usefixtures("configured")
def test_a_partial_is_its_own_data_manager_partial() -> None:
    partial = Partial(samples.nothing)

    assert IDataManagerPartial(partial) is partial
    assert adapters.DataManagerPartial(partial) is partial


@implementer(IPartial)
class Foreign(Persistent):
    """Somebody else's partial, which cannot wait in a queue."""

    def __call__(self) -> int:
        return 42


@pytest.mark.usefixtures("configured")
def test_a_partial_of_another_implementation_is_wrapped_when_it_is_put(session: Session) -> None:
    foreign = session.keep(Foreign())
    wrapped = session.queue.put(foreign)

    assert wrapped is not foreign
    assert wrapped.callable is foreign
    session.commit()
    session.activate(wrapped)
    wrapped._state, wrapped._queue = "pending", None
    assert wrapped() == 42


def test_the_queue_uses_the_adapter_of_the_application(session: Session) -> None:
    def doubled(call: object) -> Partial:
        return Partial(samples.give_back, "instead")

    provideAdapter(doubled, [types.FunctionType], IDataManagerPartial)

    assert session.queue.put(samples.nothing).callable is samples.give_back


@pytest.mark.usefixtures("configured")
def test_an_object_leads_to_its_connection_and_its_transaction_manager(session: Session) -> None:
    demo = session.keep(Demo())

    assert IConnection(demo) is session.connection
    assert ITransactionManager(demo) is session.transactions
    assert ITransactionManager(session.connection) is session.transactions
    assert IConnection(Demo(), None) is None
    assert ITransactionManager(Demo(), None) is None


def test_the_adapters_can_be_registered_by_themselves_too(session: Session) -> None:
    for factory in (
        adapters.defaultDataManagerAdapter,
        adapters.partial_to_datamanager,
        adapters.method_to_datamanagerpartial,
        adapters.function_to_datamanagerpartial,
    ):
        provideAdapter(factory)
    provideAdapter(adapters.DataManagerPartial, provides=IDataManagerPartial)
    demo = session.keep(Demo())

    assert IDataManager(demo) is session.manager
    assert IDataManagerPartial(demo.increase).callable == demo.increase
    assert IDataManagerPartial(samples.nothing).callable is samples.nothing
    foreign = Foreign()
    alsoProvides(foreign, IPartial)
    assert IDataManagerPartial(foreign).callable is foreign
