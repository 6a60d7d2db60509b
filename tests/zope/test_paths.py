"""Wrapped objects of a call: a put remembers their paths, and the call has them wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.access_control import users
from tests.support.sessions import Session
from tests.zope.probes import needs_zope
from zcasync import Partial
from zcasync.errors import GoneError, UnstorableError

pytestmark = [needs_zope, pytest.mark.usefixtures("registry")]


@pytest.fixture
def app(session: Session) -> Iterator[Any]:
    """An application object with two folders, stored."""
    assert users is not None  # it comes first, and leaves no variables behind
    from OFS.Application import Application

    from zcasync.zope.capture import register

    register()
    made = session.keep(Application(), "Application")
    made._setObject("one", folder("one"))
    made._setObject("two", folder("two"))
    session.commit()
    yield made
    session.transactions.abort()


def folder(name: str) -> Any:
    from OFS.Folder import Folder

    return Folder(name)


def sign(*args: Any) -> None:
    """A job."""


def paths(partial: Partial) -> list[str]:
    return sorted(partial.context["paths"].values())


def called(app: Any, partial: Partial) -> Any:
    """The call as a worker has it."""
    from zcasync.zope.paths import Ways

    call, args, kwargs = Ways(app, partial).prepare_call(
        partial.callable, tuple(partial.args), dict(partial.kwargs)
    )
    return SimpleNamespace(call=call, args=args, kwargs=kwargs)


def path(found: Any) -> str:
    return "/".join(found.getPhysicalPath())


def test_a_method_and_all_arguments_are_found_in_their_places(session: Session, app: Any) -> None:
    probe = app.one.manage_addProperty
    call = Partial(probe, app.two, [app.one, {"a": (app.two,)}], type=app.one)
    partial = session.queue.put(call)
    session.commit()
    found = called(app, partial)

    assert paths(partial) == ["/one", "/two"]
    assert path(found.call.__self__) == "/one"
    assert path(found.args[0]) == "/two"
    assert path(found.args[1][0]) == "/one"
    assert path(found.args[1][1]["a"][0]) == "/two"
    assert path(found.kwargs["type"]) == "/one"


def test_objects_are_found_again_where_nothing_is_remembered_of_the_caller(
    session: Session, app: Any
) -> None:
    partial = session.queue.put(Partial(app.one.objectIds, app.two), remember=False)
    session.commit()
    found = called(app, partial)

    assert dict(partial.context).keys() == {"paths"}
    assert path(found.call.__self__) == "/one"
    assert path(found.args[0]) == "/two"


def test_what_the_caller_has_given_is_not_changed(session: Session, app: Any) -> None:
    given = [app.one]
    session.queue.put(Partial(len, given))

    assert path(given[0]) == "/one"


def test_an_object_that_is_not_stored_yet_is(session: Session, app: Any) -> None:
    app.one._setObject("new", folder("new"))
    partial = session.queue.put(Partial(len, app.one.new))
    session.commit()

    assert paths(partial) == ["/one/new"]
    assert path(called(app, partial).args[0]) == "/one/new"


def test_callbacks_have_their_objects_too(session: Session, app: Any) -> None:
    partial = Partial(app.one.objectIds)
    callback = partial.addCallback(Partial(app.two.hasObject))
    session.queue.put(partial)
    session.commit()

    assert path(called(app, callback).call.__self__) == "/two"


def test_so_have_two_of_which_one_is_called(session: Session, app: Any) -> None:
    partial = Partial(app.one.objectIds)
    partial.addCallbacks(app.two.hasObject, app.one.hasObject)
    session.queue.put(partial)
    session.commit()

    assert paths(partial) == ["/one", "/two"]


def test_a_call_may_be_given_itself_and_a_callback_its_parent(session: Session, app: Any) -> None:
    partial = Partial.bind(sign, app.one)
    callback = partial.addCallback(Partial.bind(sign, app.two, partial))
    session.queue.put(partial)
    session.commit()

    assert paths(partial) == ["/one", "/two"]
    assert path(called(app, partial).args[1]) == "/one"
    assert path(called(app, callback).args[1]) == "/two"
    assert called(app, callback).args[2] is partial


def test_a_call_within_a_call_is_read_in_place_and_put_again_with_its_way(
    session: Session, app: Any
) -> None:
    inner = Partial(app.two.manage_addProperty, app.one, [app.one], "string")
    outer = session.queue.put(Partial.bind(sign, inner))
    session.commit()
    given = called(app, outer).args[1]
    assert given is inner
    for _ in range(2):
        assert path(inner.callable.__self__) == "/two"
        assert path(inner.args[0]) == "/one"
        assert path(inner.args[1][0]) == "/one"
        outer = session.queue.put(Partial.bind(sign, inner))
        session.commit()
        session.connection.cacheMinimize()
    session.queue.put(inner, run_as="bob")
    session.commit()
    assert path(called(app, inner).call.__self__) == "/two"
    app.manage_delObjects(["two"])
    session.commit()
    assert not hasattr(inner.callable.__self__, "aq_parent")


def test_a_result_of_another_request_is_wrapped_anew(session: Session, app: Any) -> None:
    from zcasync.zope.paths import Ways

    partial = session.queue.put(len)
    session.commit()
    old = app.one.__of__(app.__of__(folder("request")))
    _, (found,), _ = Ways(app, partial).prepare_call(len, (old,), {})

    assert path(found) == "/one"
    assert found.aq_base is app.one.aq_base
    assert found.aq_parent is app


def test_an_object_with_no_way_to_it_is_refused_in_words(session: Session, app: Any) -> None:
    outside = folder("outside")
    outside._setObject("inner", folder("inner"))
    with pytest.raises(UnstorableError, match=r"put the call with zcasync\.zope\.put"):
        session.queue.put(Partial(len, outside.inner))


def test_calls_without_wrapped_objects_remember_no_paths(session: Session, app: Any) -> None:
    for call in (len, Partial(len, [1]), Partial(app.one.aq_base.objectIds)):
        assert "paths" not in session.queue.put(call).context


@pytest.mark.parametrize("is_replaced", [False, True])
def test_an_object_that_is_gone_or_another_one_is_told_of(
    session: Session, app: Any, is_replaced: bool
) -> None:
    partial = session.queue.put(Partial(len, app.two))
    session.commit()
    app._delObject("two")
    if is_replaced:
        app._setObject("two", folder("two"))
    with pytest.raises(GoneError) as caught:
        called(app, partial)

    assert "/two" in str(caught.value)
    assert partial.id in str(caught.value)
    assert ("another object" in str(caught.value)) is is_replaced


def test_an_attribute_at_the_path_of_an_object_that_is_gone_is_not_taken_for_it(
    session: Session, app: Any
) -> None:
    from zcasync.zope.paths import GoneError

    app._setObject("news", folder("news"))
    partial = session.queue.put(Partial(len, app.news))
    session.commit()
    app._delObject("news")
    app.news = "no object any more"
    with pytest.raises(GoneError, match="/news"):
        called(app, partial)


def test_an_object_of_the_same_name_further_up_is_not_taken_for_it(
    session: Session, app: Any
) -> None:
    app.one._setObject("two", folder("two"))
    partial = session.queue.put(Partial(len, app.one.two))
    session.commit()
    app.one._delObject("two")
    with pytest.raises(GoneError, match="/one/two"):
        called(app, partial)


def test_a_callback_of_a_call_that_was_put_already_has_its_own_objects_wrapped(
    app: Any, session: Session
) -> None:
    from zcasync.zope import put

    partial = put(app.one, "objectIds", run_as="bob")
    session.commit()
    callback = partial.addCallback(Partial(app.two.hasObject, app.one))
    behind = callback.addCallbacks(app.two.objectIds)
    session.commit()

    assert callback.context["run_as"] == behind.context["run_as"] == "bob"
    found = called(app, callback)
    assert path(found.call.__self__) == "/two"
    assert path(found.args[0]) == "/one"
    assert paths(behind) == ["/one", "/two"]


def test_an_object_that_a_call_returns_comes_back_in_its_place(app: Any, session: Session) -> None:
    from zcasync.zope import put
    from zcasync.zope.paths import Ways

    partial = put(app.one, "objectIds", run_as="bob")
    session.commit()
    session.claim()
    partial.start()
    value = Ways(app, partial).keep_result(partial, app.two)
    assert not hasattr(value, "aq_parent")
    partial.finish(value)
    session.commit()

    assert path(partial.result) == "/two"
    assert partial.context["run_as"] == "bob"
    app.manage_delObjects(["two"])
    app._setObject("two", folder("two"))
    session.commit()
    assert not hasattr(partial.result, "aq_parent")


def test_a_view_is_refused_in_words_with_what_to_put_instead(app: Any, session: Session) -> None:
    from Products.Five.browser import BrowserView

    from zcasync.zope import put

    view = BrowserView(app.one, None)
    for call in ("__call__", len):
        with pytest.raises(TypeError, match=r"BrowserView is stored in no database.*self\.context"):
            put(view, call)

    assert put(view.context, "objectIds").queue is not None
    assert put(session.connection, len, "four").queue is not None


def test_an_object_that_nothing_has_stored_is_refused_in_words(registry: Any) -> None:
    from OFS.Application import Application
    from Testing.makerequest import makerequest

    from zcasync.zope import put

    app = makerequest(Application())
    app._setObject("one", folder("one"))
    with pytest.raises(LookupError, match="is the object stored"):
        put(app.one, "objectIds")
