"""The private names of RelStorage: all listed, all there."""

from __future__ import annotations

import importlib
import inspect
from importlib import metadata
from typing import Any

from tests.house.private import uses
from tests.house.source import read
from tests.support.instance import ROOT
from zcasync.relstorage.upstream import CHECKED, NAMES
from zcasync.zeo.upstream_problems import set_by

LISTED = {name for names in NAMES.values() for name in names.split()}


def test_what_is_installed_was_checked() -> None:
    found = {name: metadata.version(name) for name in CHECKED}

    assert {name: one for name, one in found.items() if one not in CHECKED[name]} == {}


def test_what_is_listed_is_there() -> None:
    for place, names in NAMES.items():
        module, _, name = place.partition(":")
        kind: Any = getattr(importlib.import_module(module), name)
        has = {one for base in inspect.getmro(kind) for one in set_by(base)}
        assert [one for one in names.split() if one not in has and not hasattr(kind, one)] == []


def test_private_names_are_listed() -> None:
    ours = [one for one in read(ROOT).values() if one.folder == "relstorage"]
    used = {name for module in ours for _, name in uses(module)}

    assert ours
    assert used - LISTED - {"_call", "_storage"} == set()
