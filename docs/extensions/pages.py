"""The text of the reference, written from the product: interfaces, parser and schema.

Each function returns reStructuredText, so that tests can read it without Sphinx.
"""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ZConfig
from zope.interface import Attribute
from zope.interface.interface import Method

from zcasync import interfaces
from zcasync.cli.main import cli
from zcasync.cli.manual import Entry, entries
from zcasync.instance import settings
from zcasync.instance.settings import Settings

SCHEMA = Path(settings.__file__).with_name("schema.xml")
#: The values of a setting, by the datatype that reads them.
UNITS = {
    "application": "a dotted name and arguments",
    "asBoolean": "true, false",
    "count": "a number",
    "databases": "application",
    "days": "days",
    "DottedNameConversion": "a dotted name",
    "folder": "a path",
    "isolation": "none, job",
    "log": "file, -",
    "log_format": "text, json",
    "queues": "names of queues, each with a limit or without, or ``*``",
    "memory": "bytes, KB, MB, GB",
    "rule": "a dotted name",
    "str": "a name",
    "seconds": "seconds",
    "seconds_or_0": "seconds",
}


def interface_text(name: str) -> str:
    """Return what the manual says of an interface and of each of its attributes and methods."""
    found = getattr(interfaces, name)
    bases = ", ".join(one.__name__ for one in found.__bases__ if one.__module__ == found.__module__)
    lines = [f".. py:class:: {name}" + (f"({bases})" if bases else ""), ""]
    lines += [*_indented(found.getDoc()), ""]
    for member, one in found.namesAndDescriptions():
        lines += [*(f"   {line}" for line in _member(member, one)), ""]
    return "\n".join(lines)


def _member(name: str, one: Attribute) -> Iterator[str]:
    if isinstance(one, Method):
        yield f".. py:method:: {name}{one.getSignatureString()}"
    else:
        yield f".. py:attribute:: {name}"
    yield ""
    yield from _indented(one.getDoc())


def _indented(text: str) -> list[str]:
    return textwrap.indent(inspect.cleandoc(text), "   ").splitlines()


def commands_text() -> str:
    """Return all commands with their options and examples, a section for each."""
    whole, commands = entries(cli)
    sections = [_titled("zcasync", _described(whole)[1:])]
    for one in commands:
        sections.append(_titled(one.usage.split()[1], _described(one)))
    return "\n\n".join(sections)


def _titled(title: str, blocks: list[str]) -> str:
    return "\n\n".join([f"{title}\n{'=' * len(title)}", *blocks])


def _described(entry: Entry) -> list[str]:
    """Return the blocks of one command: how it is typed, what it does, options and examples."""
    options = "\n".join(f"``{names}``\n    {_plain(text)}" for names, text in entry.options)
    examples = "\n".join(f"    $ {line}" for line in entry.examples)
    return [
        f"::\n\n    {entry.usage}",
        *map(_plain, entry.text),
        options,
        f".. code-block:: console\n\n{examples}",
    ]


def _plain(text: str) -> str:
    """Return a help text such that none of its characters is markup."""
    for character in "\\*`|_":
        text = text.replace(character, f"\\{character}")
    return text


def settings_text() -> str:
    """Return the table of all settings: their values, their defaults, and what they decide."""
    keys = dict(ZConfig.loadSchema(str(SCHEMA)).gettype("zcasync"))
    rows = [("Setting", "Value", "Default", "Meaning")]
    for field in dataclasses.fields(Settings):
        name = field.name.replace("_", "-")
        meaning = _plain(Settings.HELP[field.name])
        rows.append((f"``{name}``", _unit(keys[name]), _shown(field.default), meaning))
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for first, *others in rows:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join(lines)


def _unit(key: Any) -> str:
    """Return how the value of a setting is written."""
    read = key.datatype
    unit = UNITS[getattr(read, "__name__", type(read).__name__)]
    return f"{unit}, on a line each" if key.ismulti() else unit


def _shown(default: Any) -> str:
    """Return a default as it would be written into the file."""
    if default is None or default == ():
        return "unset"
    if isinstance(default, str):
        return default
    return str(default).lower() if isinstance(default, bool) else f"{default:g}"
