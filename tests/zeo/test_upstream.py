"""The private names of ZEO and ZODB: all listed, all there, and used in one folder only."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from persistent import Persistent

import zcasync
from tests.supply.constraints import pins
from tests.support.instance import ROOT
from zcasync.versions import SUPPORTED, numbers_of
from zcasync.zeo import upstream
from zcasync.zeo.upstream import BEFORE, CHECKED, NAMES
from zcasync.zeo.upstream_problems import listed, problems, set_by, unchecked

FOLDER = ROOT / "zcasync" / "zeo"
#: Where the private names are that nobody else may use.
WATCHED = (
    "ZEO.ClientStorage",
    "ZEO.StorageServer",
    "ZEO.asyncio.base",
    "ZEO.asyncio.client",
    "ZEO.asyncio.server",
    "ZEO.cache",
    "ZODB.BaseStorage",
    "ZODB.Connection",
    "ZODB.DB",
    "ZODB.FileStorage.FileStorage",
    "ZODB.mvccadapter",
    "transaction._manager",
    "transaction._transaction",
)
#: Of our own records, which have them by chance too.
OURS = {"_args", "_call", "_ended", "_result", "_size"}
LISTED = {name for table in (NAMES, *BEFORE.values()) for names in table.values() for name in names}


def is_private(name: str) -> bool:
    """Whether a name is private; by ZODB's convention those of persistent objects are not."""
    return name.startswith("_") and not name.startswith(("__", "_p_"))


@cache
def theirs() -> frozenset[str]:
    """The private names of their classes."""
    modules = map(importlib.import_module, WATCHED)
    kinds = [kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)]
    return frozenset().union(*map(private_names, filter(is_upstream, kinds)))


def private_names(kind: type) -> set[str]:
    """Those that a class has, or its objects."""
    return {name for name in (*vars(kind), *set_by(kind)) if is_private(name)}


def is_upstream(kind: type) -> bool:
    """Whether it is a class whose insides may change with a version."""
    return kind.__module__ in WATCHED


# what is listed is there


def test_what_is_listed_is_there_as_it_was() -> None:
    assert problems() == []


def test_what_is_installed_was_checked() -> None:
    assert unchecked() == []


def test_the_versions_of_the_constraints_were_checked() -> None:
    pinned = {pin.name: pin.version for pin in pins("run.txt")}
    assert {name: pinned[name.lower()] in versions for name, versions in CHECKED.items()} == (
        dict.fromkeys(CHECKED, True)
    )


def test_a_version_that_was_not_checked_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upstream.CHECKED, "ZEO", ("5.3",))
    [line] = unchecked()
    assert line.startswith("ZEO ")


def test_the_oldest_and_the_newest_that_are_supported_were_checked() -> None:
    ends = {name: (numbers_of(seen[0]), numbers_of(seen[-1])) for name, seen in CHECKED.items()}
    assert {name: ends[name] for name in SUPPORTED} == SUPPORTED


def test_what_only_older_versions_have_is_asked_of_these_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread, futures = "ZEO.asyncio.client:ClientThread", "ZEO.asyncio.futures"
    monkeypatch.setattr(metadata, "version", lambda package: "5.4.1")
    older = listed()
    monkeypatch.setattr(metadata, "version", lambda package: "6.0")
    newer = listed()
    assert "credentials" in str(older[thread]["__init__"])
    assert "credentials" not in str(newer[thread]["__init__"])
    assert "_GenReturn" in older[futures]
    assert futures not in newer
    assert older.keys() > newer.keys() == NAMES.keys()


@pytest.mark.parametrize(
    ("place", "name", "signature", "problem"),
    [
        ("ZODB.DB:DB", "_no_such", None, "is gone"),
        ("ZODB.DB:DB", "no_such", "(self)", "is gone"),
        ("ZODB.DB:NoSuchClass", "open", None, "is gone, with all around it"),
        ("ZODB.no_such_module", "open", None, "is gone, with all around it"),
        ("ZEO.runzeo", "main", "()", "is called with (args=None), which was ()"),
        (
            "ZODB.Connection:Connection",
            "commit",
            "(self)",
            "is called with (self, transaction), which was (self)",
        ),
    ],
)
def test_what_is_not_as_listed_is_named(
    place: str, name: str, signature: str | None, problem: str
) -> None:
    assert problems({place: {name: signature}}) == [f"{place}.{name} {problem}"]


def test_an_attribute_that_methods_set_is_there() -> None:
    assert problems({"ZODB.Connection:Connection": {"_savepoint_storage": None}}) == []
    assert problems({"ZODB.Connection:Connection": {"_savepoint_store": None}}) != []


# what is used is listed


class Uses(ast.NodeVisitor):
    """The private names that a piece of code uses: of what it calls itself, and of others."""

    def __init__(self, tree: ast.AST) -> None:
        self.of_itself: set[str] = set()
        self.of_others: set[str] = set()
        self.visit(tree)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``something._name``"""
        self._note(node.value, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """``getattr(something, "_name")``"""
        match node:
            case ast.Call(
                func=ast.Name("getattr" | "setattr" | "hasattr" | "delattr"),
                args=[owner, ast.Constant(str(name)), *_],
            ):
                self._note(owner, name)
        self.generic_visit(node)

    def _note(self, owner: ast.expr, name: str) -> None:
        match owner:
            case ast.Name("os"):
                return
            case ast.Name("self" | "cls") | ast.Call(func=ast.Name("super")):
                names = self.of_itself
            case _:
                names = self.of_others
        if is_private(name):
            names.add(name)


def classes_of(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def defined(kind: ast.ClassDef) -> set[str]:
    """The names that a class defines, or sets of its objects."""
    names = set()
    for node in ast.walk(kind):
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                names.add(name)
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                names.add(name)
            case ast.Name(name, ast.Store()):
                names.add(name)
    return names


def mixed_with_theirs() -> dict[str, set[str]]:
    """The classes of the folder that are, or are part of, a class derived from one of theirs.

    With the private names that they find there.
    """
    made = [kind for kind in our_classes() if kind.__module__.startswith("zcasync.zeo.")]
    found: dict[str, set[str]] = {}
    for kind in made:
        names = set().union(*map(private_names, filter(is_upstream, kind.__mro__)))
        for each in kind.__mro__:
            if names and each in made:
                found.setdefault(each.__name__, set()).update(names)
    return found


#: They can be imported where their applications are; none of their classes is stored or connected.
OF_APPLICATIONS = ("zcasync.pyramid.", "zcasync.zope.")


@cache
def our_classes() -> tuple[type, ...]:
    """All classes of zcasync, but those of the rooms for applications."""
    return tuple(
        kind
        for found in pkgutil.walk_packages(zcasync.__path__, "zcasync.")
        if not found.name.endswith("__main__") and found.name != "zcasync.testing.plugin"
        if not found.name.startswith(OF_APPLICATIONS)
        for kind in vars(importlib.import_module(found.name)).values()
        if inspect.isclass(kind) and kind.__module__ == found.name
    )


def unlisted(text: str, mixed: dict[str, set[str]]) -> set[str]:
    """The private names of others that the code of a module uses although they are not listed.

    ``mixed``: the names that its classes share a namespace with, and so may override by chance.
    """
    tree = ast.parse(text)
    own: set[str] = set().union(*map(defined, classes_of(tree)))
    found = Uses(tree).of_others - (own - theirs())
    for kind in classes_of(tree):
        names = Uses(kind).of_itself | set(filter(is_private, defined(kind)))
        found |= names & mixed.get(kind.name, set())
        found |= names - defined(kind)
    return found - LISTED


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_private_names_that_the_folder_uses_are_listed(path: Path) -> None:
    assert unlisted(path.read_text(), mixed_with_theirs()) == set()


def test_classes_that_share_a_namespace_with_theirs_are_known() -> None:
    mixed = mixed_with_theirs()
    assert {
        "ClientConnection",
        "Fenced",
        "Handler",
        "IdsOfOneServer",
        "IdsOfThisServer",
        "OnePhaseConnection",
        "PipelinedClientStorage",
        "Server",
    } <= mixed.keys()
    assert "_release_resources" in mixed["Fenced"]
    assert "CommitLog" not in mixed


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("db._activity_monitor.close()", {"_activity_monitor"}),
        ("getattr(db, '_activity_monitor')", {"_activity_monitor"}),
        ("self._activity_monitor", {"_activity_monitor"}),
        ("super()._activity_monitor", {"_activity_monitor"}),
        ("self._own, self._mvcc_storage, os._exit", set()),
        ("self._own = self._release_resources = 1", {"_release_resources"}),
    ],
)
def test_a_private_name_that_is_not_listed_is_found(line: str, found: set[str]) -> None:
    text = f"class Mixed:\n    _own = None\n    def method(self):\n        {line}\n"
    assert unlisted(text, {"Mixed": {"_release_resources"}}) == found


def test_what_is_listed_is_used() -> None:
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.py")))
    uses = Uses(ast.parse(text))
    names = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    used = uses.of_itself | uses.of_others | names
    assert set(filter(is_private, LISTED)) - used == set()


# and used nowhere else


def elsewhere() -> list[Path]:
    return sorted(
        path
        for path in (ROOT / "zcasync").rglob("*.py")
        if not path.is_relative_to(FOLDER) and path.parent.name != "relstorage"  # with its own list
    )


@pytest.mark.parametrize("path", elsewhere(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_folder_uses_private_names_of_zeo_and_zodb(path: Path) -> None:
    assert Uses(ast.parse(path.read_text())).of_others & theirs() - OURS == set()


def test_no_class_of_another_folder_is_derived_from_theirs() -> None:
    derived: list[Any] = [
        kind
        for kind in our_classes()
        if any(map(is_upstream, kind.__mro__)) and not kind.__module__.startswith("zcasync.zeo.")
    ]
    assert derived == []
    assert any(issubclass(kind, Persistent) for kind in our_classes())
