"""The counting itself, on small packages made for each case."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.house import docstrings, floors, functions, imports, private
from tests.house.source import Module, read


def package(root: Path, **files: str) -> dict[str, Module]:
    """The modules of a checkout with these files; ``job__record`` is ``job/record.py``."""
    for name, text in {"__init__": "", **files}.items():
        path = root / "zcasync" / (name if name == "__init__" else name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(dedent(text))
    return read(root)


def arrows_of(modules: dict[str, Module]) -> dict[tuple[str, str], list[str]]:
    return imports.arrows(imports.find_imports(modules), floors.rooms(modules))


def foreign(modules: dict[str, Module]) -> list[tuple[str, bool, bool]]:
    """Each foreign name, whether it is of another file of the folder, whether of a library."""
    uses = private.foreign_uses(modules)
    return sorted((use.name, use.is_of_this_folder, use.is_of_a_library) for use in uses)


# imports


def test_an_import_of_a_module_leads_to_it_and_one_of_a_name_to_where_it_is(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        clock="def now(): ...",
        job__record="from zcasync import clock",
        job__views="from zcasync.clock import now",
        retry__stock="import zcasync.clock",
    )

    assert arrows_of(modules) == {
        ("job", "clock"): [
            "zcasync/job/record.py:1 imports zcasync.clock",
            "zcasync/job/views.py:1 imports zcasync.clock",
        ],
        ("retry", "clock"): ["zcasync/retry/stock.py:1 imports zcasync.clock"],
    }


def test_imports_inside_functions_and_for_types_count_in_arrows_and_circles(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        clock="""
            def now():
                import zcasync.errors
            """,
        errors="""
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from zcasync.clock import now
            """,
    )
    found = imports.find_imports(modules)

    assert set(arrows_of(modules)) == {("clock", "errors"), ("errors", "clock")}
    assert imports.circles(imports.graph(found)) == [["zcasync.clock", "zcasync.errors"]]
    assert [one.where for one in imports.inside_functions(found)] == ["zcasync/clock.py:3"]


def test_an_import_back_up_is_one_to_a_higher_floor(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        job__record="import zcasync.queues.lane",
        queues__lane="import zcasync.job.record",
    )

    assert imports.back_up(arrows_of(modules), floors.FLOOR) == [("job", "queues")]


def test_a_flat_hall_is_one_room(tmp_path: Path) -> None:
    modules = package(tmp_path, claiming="import zcasync.queues", queues="", cli__main="")

    assert set(floors.rooms(modules).values()) == {"zcasync", "cli"}


# private names


def test_private_names_are_sorted_by_who_defines_them(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        job__record="""
            _hidden = None
            class Record:
                def __init__(self):
                    self._state = 1
            """,
        job__views="def look(record): return record._state",
        queues__lane="""
            from zcasync.job.record import _hidden
            def look(record, db):
                return record._state, getattr(record, "_state"), db._cache, record._p_jar
            """,
    )

    assert foreign(modules) == [
        ("_cache", False, True),
        ("_hidden", False, False),
        ("_state", False, False),
        ("_state", False, False),
        ("_state", True, False),
    ]


def test_a_module_may_use_the_private_names_that_it_defines_itself(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        job__record="""
            class Record:
                _state = 1
                __slots__ = ("_left",)
                def _move(self): ...
            def move(record):
                record._move()
                record._state = record._left
            """,
    )

    assert foreign(modules) == []


# functions and docstrings


def test_a_function_is_as_long_as_its_lines_without_the_docstring(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        clock='''
            def now(
                a, /, b, *args, c, **options
            ):
                """Return

                the time."""
                return a
            class Clock:
                def tick(self, d): ...
            ''',
    )

    assert [(one.lines, one.parameters) for one in functions.find_functions(modules.values())] == [
        (4, 3),
        (1, 1),
    ]


def test_only_a_first_word_asks(tmp_path: Path) -> None:
    texts = ("Whether it is.", "What, then?", "Whatever it is.", "Return what it is.")
    modules = package(
        tmp_path,
        clock="\n".join(f'def f{number}(): "{text}"' for number, text in enumerate(texts)),
    )

    found = docstrings.find_docstrings(modules)
    assert [one.text for one in found if one.opens_with_a_question] == list(texts[:2])


def test_what_is_public_needs_a_docstring_unless_one_above_has_it(tmp_path: Path) -> None:
    modules = package(
        tmp_path,
        __init__='"A package."',
        interfaces='''
            "The contract."
            from zope.interface import Interface, Attribute
            class IClock(Interface):
                """A clock."""
                size = Attribute("How large.")
                def now(): "Return the time."
            ''',
        clock='''
            """The time."""
            from twisted.internet.protocol import Protocol
            from zope.interface import implementer
            from zcasync import interfaces
            class Base:
                """A base."""
                def stop(self): "Stop it."
            @implementer(interfaces.IClock)
            class Clock(Base, Protocol):
                """A clock."""
                @property
                def size(self): ...
                def now(self): ...
                def stop(self): ...
                def connectionMade(self): ...
                def bare(self): ...
                def _hidden(self): ...
            class _Hidden:
                def shown(self): ...
            def bare_function():
                def inner(): ...
            ''',
    )

    assert docstrings.undocumented(modules) == [
        "zcasync/clock.py:17 bare",
        "zcasync/clock.py:21 bare_function",
    ]


# the command


def house(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-m", "tests.house", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)


def test_the_table_shows_checkouts_side_by_side_within_100_columns(tmp_path: Path) -> None:
    for name in ("before", "after"):
        package(tmp_path / name, clock="def now(): ...")

    done = house(str(tmp_path / "before"), str(tmp_path / "after"))

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert lines[0].split()[0].endswith("before")
    assert lines[0].split()[1].endswith("after")
    assert lines[1].split() == ["modules,", "lines", *["2", "1"] * 2]


def test_json_has_the_places(tmp_path: Path) -> None:
    package(tmp_path, clock="def now(): ...")

    [figures] = json.loads(house("--json", str(tmp_path)).stdout)

    assert figures["public_without_docstring"] == [
        "zcasync/__init__.py:1 zcasync",
        "zcasync/clock.py:1 zcasync.clock",
        "zcasync/clock.py:1 now",
    ]


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_a_folder_without_the_package_is_wrong_use(tmp_path: Path, json_option: list[str]) -> None:
    done = house(*json_option, str(tmp_path))

    assert done.returncode == 2
    assert done.stderr == f"{tmp_path} has no package zcasync\n"
