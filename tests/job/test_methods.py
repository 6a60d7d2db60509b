"""Bound methods are stored as what will be called, or refused."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import pytest
import transaction
from BTrees.OOBTree import OOBTree

import zcasync
from tests.jobs import methods, samples
from tests.jobs.methods import METHODS, Base, Document, Tree
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import BadCallable, MissingCallable, NotAllowed, UnstorableError
from zcasync.job.callables import call_here, dotted, load_form, module_of, store_form

PATH = "tests.jobs.methods"


@pytest.fixture
def document() -> Document:
    """A document that no database has."""
    return Document()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_stored_as_what_will_be_called(name: str, session: Session) -> None:
    get, answer = METHODS[name]
    document = session.keep(Document())
    call = get(document)
    assert call_here(call) == answer, "the case itself"
    partial = session.keep(Partial(call), "partial")

    other = Session(session.connection.db(), transaction.TransactionManager())
    found = other.root["partial"].callable

    assert call_here(found) == answer
    if isinstance(call, types.MethodType):
        assert found.__func__ is call.__func__
    assert call_here(partial.callable) == answer


@pytest.mark.parametrize(
    ("get", "stored", "shown"),
    [
        (lambda one: one.save, "save", f"{PATH}.Document.save"),
        (lambda one: one.only_base, "only_base", f"{PATH}.Document.only_base"),
        (lambda one: one.alias, "send", f"{PATH}.Document.send"),
        (lambda one: one.secret(), "_Document__secret", f"{PATH}.Document._Document__secret"),
        (lambda one: one.save_of_base(), f"{PATH}:Base.save", f"{PATH}.Base.save"),
        (lambda one: one.print_of_base(), f"{PATH}:Base.print", f"{PATH}.Base.print"),
        (lambda one: one.later, f"{PATH}:put_in_later", f"{PATH}.put_in_later"),
    ],
)
def test_a_method_is_named_by_its_attribute_else_by_its_function(
    document: Document, get: Callable[[Any], Any], stored: str, shown: str
) -> None:
    form = store_form(get(document))

    assert form == (document, stored)
    assert dotted(form) == Partial(get(document)).callable_name == shown
    assert module_of(form) == (PATH if ":" in stored else None)


def test_a_method_of_a_class_is_named_by_the_class_that_it_is_called_with() -> None:
    assert store_form(Document.make) == f"{PATH}:Document.make"
    assert store_form(Base.make) == f"{PATH}:Base.make"
    assert store_form(methods.Counted.count) == f"{PATH}:Counted.count"


def test_a_method_of_a_class_in_c_is_stored_too() -> None:
    tree, plain = Tree(), OOBTree()

    assert store_form(plain.insert) == (plain, "insert")
    assert store_form(plain.__setitem__) == (plain, "__setitem__")
    assert load_form(store_form(tree.insert))("a", "b") == "Tree.insert"
    hidden = store_form(tree.insert_of_base())
    assert hidden == (tree, "BTrees.OOBTree:OOBTree.insert")
    assert load_form(hidden)("a", "b") == 1
    assert tree["a"] == "b"


def test_a_patch_that_can_be_imported_is_stored_by_its_own_name(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Document, "save", methods.put_in_later)

    assert store_form(document.save) == (document, f"{PATH}:put_in_later")


def test_an_attribute_of_the_object_hides_no_method(document: Document) -> None:
    of_class = document.save
    document.__dict__["save"] = types.MethodType(methods.listed, document)

    assert load_form(store_form(of_class))() == "Document.save"
    assert load_form(store_form(document.save))() == "listed "
    assert store_form(document.save) == (document, f"{PATH}:listed")


def wraps(function: Callable[..., Any]) -> Callable[..., Any]:
    """A patch that keeps the name."""
    return functools.wraps(function)(lambda *args: function(*args))


@pytest.mark.parametrize(
    ("name", "patch"),
    [
        ("save", lambda self: "patched"),
        ("save", methods.undecorated(Document.save)),
        ("save", wraps(Document.save)),
        ("only_base", lambda self: "patched"),
        ("_Document__secret", lambda self: "patched"),
        ("build", classmethod(lambda cls: "patched")),
    ],
)
def test_a_patch_that_no_other_process_could_know_is_refused(
    document: Document, monkeypatch: pytest.MonkeyPatch, name: str, patch: Any
) -> None:
    monkeypatch.setattr(Document, name, patch)

    with pytest.raises(
        BadCallable,
        match=rf"Document\.{name} was replaced after its class was made, .*with the object as",
    ):
        Partial(getattr(document, name))


@pytest.mark.parametrize(
    "get",
    [
        lambda one: types.MethodType(lambda self: None, one),
        lambda one: types.MethodType(methods.undecorated(Document.save), one),
        lambda one: types.MethodType(methods.Bound(Document.save), one),
        lambda one: types.MethodType(functools.partial(methods.listed), one),
        lambda one: functools.partial(types.MethodType(lambda self: None, one)),
        lambda one: functools.partial(functools.partial(methods.Bound(Document.save).__get__(one))),
    ],
)
def test_a_function_that_is_bound_to_an_object_only_is_refused(
    document: Document, get: Callable[[Any], Any]
) -> None:
    with pytest.raises(BadCallable, match="no name of Document leads a worker to this very method"):
        Partial(get(document))


def test_a_method_that_an_attribute_hides_and_that_has_no_name_is_refused(
    document: Document,
) -> None:
    document.__dict__["save"] = types.MethodType(lambda self: None, document)

    with pytest.raises(BadCallable, match="an override or an attribute of the object hides it"):
        Partial(document.save)


def test_the_method_of_a_class_that_an_override_hides_is_refused() -> None:
    with pytest.raises(BadCallable, match="put one that no subclass overrides"):
        Partial(Document.build_of_base())


def test_no_property_is_asked_for_a_name() -> None:
    class Asked(Base):
        """Its property has the name of a function."""

        @property
        def listed(self) -> Any:
            raise AssertionError("the property runs")

    one = Asked()
    assert store_form(types.MethodType(methods.listed, one)) == (one, f"{PATH}:listed")


def test_every_way_in_checks_the_method(document: Document) -> None:
    bad = types.MethodType(lambda self: None, document)
    partial = Partial(samples.nothing)

    with pytest.raises(BadCallable):
        partial.addCallback(bad)
    with pytest.raises(BadCallable):
        partial.addCallbacks(failure=bad)
    with pytest.raises(BadCallable):
        Partial.bind(bad)
    with pytest.raises(BadCallable):
        partial.callable = bad
    assert partial.callable is samples.nothing
    partial.callable = document.save_of_base()
    assert partial.callable() == "Base.save"
    assert partial.addCallback(document.save_of_base()).callable_name == f"{PATH}.Base.save"


def test_the_arguments_of_a_function_that_is_called_with_an_object_are_checked(
    session: Session,
) -> None:
    document = session.keep(Document())

    with pytest.raises(BadCallable, match="takes 1 positional argument but 2 were given"):
        session.queue.put(Partial(document.save_of_base(), "too much"))
    session.queue.put(Partial(types.MethodType(methods.listed, document), "any", "number"))


def test_rules_ask_for_the_name_of_what_is_called(session: Session) -> None:
    document = session.keep(Document())
    zcasync.allow_only(session.connection.db(), f"{PATH}.Document", f"{PATH}.listed")

    session.queue.put(document.save)
    session.queue.put(document.secret())
    session.queue.put(types.MethodType(methods.listed, document))
    for call in (document.save_of_base(), functools.partial(document.save_of_base())):
        with pytest.raises(NotAllowed, match=rf"{PATH}\.Base\.save may not be called"):
            session.queue.put(call)


def test_a_function_of_a_class_that_has_vanished_says_so(document: Document) -> None:
    with pytest.raises(MissingCallable, match=r"has no 'Base\.vanished'"):
        load_form((document, f"{PATH}:Base.vanished"))


def test_methods_among_the_arguments_are_stored_as_what_will_be_called(session: Session) -> None:
    document = session.keep(Document())
    calls = [document.save_of_base(), document.secret(), document.save, len]
    session.keep(Partial(samples.echo, calls), "partial")

    other = Session(session.connection.db(), transaction.TransactionManager())
    (found,) = other.root["partial"].args

    assert [call() for call in found[:3]] == ["Base.save", "Document.__secret", "Document.save"]
    assert found[3] is len
    bad = [types.MethodType(lambda self: None, document)]
    with pytest.raises(UnstorableError, match="no name of Document leads a worker"):
        session.queue.put(Partial(samples.echo, bad))
