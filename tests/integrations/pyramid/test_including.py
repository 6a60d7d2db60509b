"""``config.include("zcasync.pyramid")`` in an application of one process, looked at by WebTest."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import transaction
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.threadlocal import get_current_request, manager
from webtest import TestApp as Visitor

from zcasync.errors import ConfigurationError
from zcasync.interfaces import IDataManager
from zcasync.pyramid.databases import databases
from zcasync.pyramid.job_request import job_request
from zcasync.pyramid.policy import trust_jobs

pytestmark = pytest.mark.usefixtures("registry")


class Policy:
    """Who comes says who it is."""

    def authenticated_userid(self, request: Any) -> Any:
        return request.headers.get("X-User")

    def identity(self, request: Any) -> Any:
        return self.authenticated_userid(request)

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        return self.identity(request) is not None

    def remember(self, request: Any, userid: str, **kw: Any) -> list[Any]:
        request.headers["X-User"] = userid
        return []

    def forget(self, request: Any, **kw: Any) -> list[Any]:
        return []


def work(number: int = 0) -> None:
    """A job."""


def put(request: Any) -> dict[str, Any]:
    context = request.put(work, 7).context
    other = request.put(work, remember=False).context
    return {"context": dict(context), "other": dict(other)}


def put_by_adapter(request: Any) -> dict[str, Any]:
    from pyramid_zodbconn import get_connection

    found = IDataManager(get_connection(request).root()["page"])
    return {"context": dict(found.thread.put(work).context)}


def configured(*, with_tm: bool = True, **settings: str) -> Any:
    config = Configurator(settings={"zodbconn.uri": "memory://", **settings})
    for name in ["pyramid_tm"] * with_tm + ["pyramid_zodbconn", "zcasync.pyramid"]:
        config.include(name)
    config.set_security_policy(Policy())
    for view in (put, put_by_adapter):
        config.add_route(view.__name__, f"/{view.__name__}")
        config.add_view(view, route_name=view.__name__, renderer="json")
    return config


@pytest.fixture(autouse=True)
def closed() -> Iterator[list[Any]]:
    """The applications of a test, whose databases are closed."""
    made: list[Any] = []
    yield made
    transaction.abort()
    for app in made:
        for db in app.registry._zodb_databases.values():
            db.close()


def made(config: Any, closed: list[Any]) -> Any:
    closed.append(config.make_wsgi_app())
    return closed[-1]


def waiting(app: Any) -> list[Any]:
    """The names and contexts of the calls that wait."""
    connection = app.registry._zodb_databases[""].open(transaction.TransactionManager())
    found = connection.root()["zc.async.datamanager"]
    calls = [(one.callable_name, list(one.args), dict(one.context)) for one in found.thread]
    connection.close()
    return calls


def test_a_put_is_committed_with_its_request_and_remembers_it(closed: list[Any]) -> None:
    app = made(configured(), closed)
    answer = Visitor(app).get("/put", headers={"X-User": "ann", "Host": "shop.example:81"})
    context = {"user": "ann", "server_url": "http://shop.example:81", "language": "en"}
    assert answer.json == {"context": context, "other": {}}
    name = f"{__name__}.work"
    assert sorted(waiting(app), key=str) == sorted([(name, [7], context), (name, [], {})], key=str)


def test_a_put_of_nobody_remembers_nobody(closed: list[Any]) -> None:
    found = Visitor(made(configured(), closed)).get("/put").json["context"]
    assert found == {"server_url": "http://localhost", "language": "en"}


def test_a_put_without_a_transaction_of_the_request_is_refused(closed: list[Any]) -> None:
    app = made(configured(with_tm=False), closed)
    with pytest.raises(ConfigurationError, match=r'config.include\("pyramid_tm"\)'):
        Visitor(app).get("/put")


def test_the_data_manager_is_in_the_second_database_where_there_is_one(closed: list[Any]) -> None:
    app = made(configured(**{"zodbconn.uri.zc.async": "memory://"}), closed)
    connection = app.registry._zodb_databases[""].open()
    found = connection.root()["zc.async.datamanager"]
    assert found._p_jar.db().database_name == "zc.async"
    connection.close()


def test_adapters_are_found_where_the_application_has_hooked_its_own_registry(
    closed: list[Any],
) -> None:
    config = configured()
    config.hook_zca()
    try:
        app = made(config, closed)
        connection = app.registry._zodb_databases[""].open()
        page = connection.root()["page"] = connection.root()["zc.async.datamanager"].thread
        transaction.commit()
        assert page is not None
        connection.close()
        answer = Visitor(app).get("/put_by_adapter", headers={"X-User": "ann"})
        assert answer.json["context"]["user"] == "ann"
    finally:
        config.unhook_zca()


# a job's request, without a worker


def job(app: Any, **context: Any) -> Any:
    """The context of a job that was put with this context."""
    partial = SimpleNamespace(context=context, callable_name="work")
    connection = SimpleNamespace(transaction_manager=transaction.TransactionManager())
    unconnected = SimpleNamespace(connected=lambda request, connection: transaction_less())
    return job_request(app.registry, unconnected, partial, connection)


class transaction_less:
    """A context that has no connection."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


def test_the_policy_of_the_application_is_asked_as_if_the_user_had_logged_in(
    closed: list[Any],
) -> None:
    app = made(configured(), closed)
    trust_jobs(app.registry)
    with job(app, user="ann", server_url="https://shop.example/s", language="de") as request:
        assert get_current_request() is request
        assert request.authenticated_userid == "ann"
        assert request.headers.get("X-User") is None  # nobody has asked yet
        assert request.identity == "ann"
        assert request.has_permission("view")
        assert (request.application_url, request.locale_name) == ("https://shop.example/s", "de")
        assert request.tm is not None
    with job(app) as request:
        assert request.authenticated_userid is None
        assert request.identity is None
        assert not request.has_permission("view")
    visitor = Request.blank("/", headers={"X-User": "bob"})
    visitor.registry = app.registry
    assert visitor.authenticated_userid == "bob"
    assert manager.stack == []


def test_a_policy_that_remembers_nobody_finds_the_remote_user(closed: list[Any]) -> None:
    class KeyPolicy:
        def authenticated_userid(self, request: Any) -> Any:
            return request.environ.get("REMOTE_USER")

        def identity(self, request: Any) -> Any:
            return self.authenticated_userid(request)

        def permits(self, request: Any, context: Any, permission: str) -> bool:
            return self.identity(request) == "ann"

    config = configured()
    config.commit()
    config.set_security_policy(KeyPolicy())
    app = made(config, closed)
    trust_jobs(app.registry)
    with job(app, user="ann") as request:
        assert (request.identity, request.has_permission("view")) == ("ann", True)
    with job(app, user="ann", run_as="bob") as request:
        assert (request.authenticated_userid, request.identity) == ("bob", "bob")
        assert not request.has_permission("view")


def test_an_application_without_a_policy_knows_its_jobs_users(closed: list[Any]) -> None:
    config = Configurator(settings={"zodbconn.uri": "memory://"})
    for name in ("pyramid_tm", "pyramid_zodbconn", "zcasync.pyramid"):
        config.include(name)
    app = made(config, closed)
    trust_jobs(app.registry)
    with job(app, user="ann") as request:
        assert (request.authenticated_userid, request.identity) == ("ann", None)
        assert request.has_permission("view")


def test_contexts_are_entered_in_their_order_and_left_whatever_happens(closed: list[Any]) -> None:
    seen: list[str] = []

    class Noted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            seen.append(f"{self.name} begins")

        def __exit__(self, kind: Any, *_: Any) -> None:
            seen.append(f"{self.name} ends with {kind.__name__}")
            raise OSError(self.name)

    config = configured()
    config.add_job_context(lambda request, partial: Noted("first"))
    config.add_job_context(lambda request, partial: Noted(partial.callable_name))
    app = made(config, closed)
    with pytest.raises(OSError, match="first"), job(app):
        raise ValueError
    assert seen == [
        "first begins",
        "work begins",
        "work ends with ValueError",
        "first ends with OSError",
    ]
    assert manager.stack == []


def test_a_root_factory_that_raises_leaves_nothing_behind(closed: list[Any]) -> None:
    config = configured()

    def fail(request: Any) -> None:
        raise LookupError("no root")

    config.set_root_factory(fail)
    app = made(config, closed)
    with pytest.raises(LookupError, match="no root"), job(app):
        pytest.fail("it was entered")
    assert manager.stack == []


def test_settings_of_one_process_are_told() -> None:
    with pytest.raises(ConfigurationError, match="a memory storage can be opened by one process"):
        databases({"zodbconn.uri": "memory://"})
