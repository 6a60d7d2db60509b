"""The reference has all that is public, and says something about each of it."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from zope.interface.interface import InterfaceClass

import zcasync
from tests.docs.guides import DOCS, ROOT
from zcasync import interfaces
from zcasync.cli.main import COMMANDS, cli
from zcasync.instance.settings import Settings

INTERFACES = [
    name for name in interfaces.__all__ if isinstance(getattr(interfaces, name), InterfaceClass)
]
#: They describe modules, whose functions and classes are on the page under their own names.
MODULES = {"IPackage", "IPatterns", "ITwist", "ITwistPartial"}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that writes the text."""
    monkeypatch.syspath_prepend(str(DOCS / "extensions"))
    import pages

    yield pages
    del sys.modules["pages"]


def shown(directive: str) -> list[str]:
    """What a directive is given on the page of the API, in its order."""
    return re.findall(rf"^\.\. {directive}:: (\S+)$", (DOCS / "api.rst").read_text(), re.MULTILINE)


def test_the_page_of_the_api_has_every_interface_once() -> None:
    assert sorted(shown("interface")) == sorted(set(INTERFACES) - MODULES)


def test_the_page_of_the_api_has_every_function_of_an_application() -> None:
    named = {"zcasync": interfaces.IPackage, "zcasync.patterns": interfaces.IPatterns}
    functions = {f"{module}.{one}" for module, found in named.items() for one in found.names()}

    classes = {f"zcasync.{name}" for name in ("Partial", "Retry", "RetryRule", "Snooze")}
    assert {f"zcasync.{name}" for name in zcasync.__all__} - functions == classes
    assert classes - {"zcasync.Partial"} <= set(shown("autoclass"))
    assert functions - set(shown("autofunction")) == set()
    assert "zcasync.twist.Partial" in shown("autoclass")


@pytest.mark.parametrize("name", INTERFACES)
def test_the_text_of_an_interface_has_all_that_it_has(pages: ModuleType, name: str) -> None:
    text = pages.interface_text(name)
    members = re.findall(r"^   \.\. py:\w+:: (\w+).*\n\s*\n      \S", text, re.MULTILINE)

    assert members == [member for member, _ in getattr(interfaces, name).namesAndDescriptions()]


def test_every_command_has_a_section_with_its_options(pages: ModuleType) -> None:
    sections = dict(
        re.findall(r"^(\w+)\n=+\n\n((?:.|\n)*?)(?=\n\n\w+\n=+\n|\Z)", pages.commands_text(), re.M)
    )

    assert list(sections) == ["zcasync", *COMMANDS]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert options or name in ("man", "completion")
        for option in options:
            assert f"``{option.opts[-1]}" in sections[name], (name, option.opts)


def test_every_setting_has_its_unit_its_default_and_its_meaning(pages: ModuleType) -> None:
    rows = re.findall(
        r"^   \* - (.+)\n     - (.+)\n     - (.+)\n     - (.+)$", pages.settings_text(), re.M
    )
    table = {name.strip("`"): (value, default) for name, value, default, _ in rows[1:]}

    assert list(table) == [one.name.replace("_", "-") for one in dataclasses.fields(Settings)]
    assert table["grace-period"] == ("seconds", "25")
    assert table["keep-completed"] == ("days", "7")
    assert table["keep-failed"] == ("days", "30")
    assert table["max-jobs"] == ("a number", "10000")
    assert table["spare"] == ("true, false", "true")
    assert table["memory-limit"] == ("bytes, KB, MB, GB", "unset")
    assert table["import-path"] == ("a path, on a line each", "unset")


def test_every_page_is_in_the_table_of_contents_once() -> None:
    index = (DOCS / "index.rst").read_text()
    trees = re.findall(r"\.\. toctree::\n   :hidden:\n   :caption: .+\n\n((?:   \S+\n)+)", index)

    assert len(trees) == 4
    assert sorted(" ".join(trees).split()) == sorted(
        path.stem for path in DOCS.glob("*.rst") if path.stem != "index"
    )


def test_checks_include_the_pages_and_their_links() -> None:
    makefile = (ROOT / "Makefile").read_text()
    check = makefile.split("\ncheck:")[1].split("\n\n")[0]
    docs = makefile.split("\ndocs:")[1].split("\n\n")[0]

    assert re.search(r"\$\(MAKE\).* docs ", check)
    assert {"--nitpicky", "--fail-on-warning"} <= set(docs.split())


def test_no_link_of_a_guide_leads_nowhere() -> None:
    broken = [
        (path.name, target)
        for path in [*DOCS.glob("*.rst"), ROOT / "README.rst"]
        for target in re.findall(r"<([\w./-]+\.(?:rst|py|svg))>`_", path.read_text())
        if not Path(path.parent, target).exists()
    ]

    assert broken == []
