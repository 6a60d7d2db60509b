"""The comparison of the list of names (:mod:`zcasync.zeo.upstream`) with what is installed."""

from __future__ import annotations

import dis
import importlib
import inspect
from importlib import metadata
from typing import Any

from zcasync.versions import numbers_of
from zcasync.zeo.upstream import BEFORE, CHECKED, NAMES, Names


def listed() -> Names:
    """Return the list as it is for the installed versions."""
    names = dict(NAMES)
    for (package, version), older in BEFORE.items():
        if numbers_of(metadata.version(package)) < version:
            names |= {place: {**names.get(place, {}), **more} for place, more in older.items()}
    return names


def problems(names: Names | None = None) -> list[str]:
    """Return what is not as listed in the installed packages, a line each."""
    names = listed() if names is None else names
    return [
        f"{place}.{name} {problem}"
        for place, named in names.items()
        for name, signature in named.items()
        if (problem := _problem(place, name, signature)) is not None
    ]


def unchecked() -> list[str]:
    """Return the installed packages, with their versions, that were not checked."""
    found = {name: metadata.version(name) for name in CHECKED}
    return [f"{name} {version}" for name, version in found.items() if version not in CHECKED[name]]


def _problem(place: str, name: str, signature: str | None) -> str | None:
    module_name, _, kind_name = place.partition(":")
    try:
        owner: Any = importlib.import_module(module_name)
        owner = getattr(owner, kind_name) if kind_name else owner
    except (ImportError, AttributeError):
        return "is gone, with all around it"
    if signature is None:
        is_set = any(name in set_by(kind) for kind in getattr(owner, "__mro__", ()))
        return None if is_set or hasattr(owner, name) else "is gone"
    found = getattr(owner, name, None)
    if found is None:
        return "is gone"
    now = str(inspect.signature(found))
    return None if now == signature else f"is called with {now}, which was {signature}"


def set_by(kind: type) -> set[str]:
    """Return the attributes that a class's own methods set."""
    return {
        instruction.argval
        for method in vars(kind).values()
        if inspect.isfunction(method)
        for instruction in dis.get_instructions(method)
        if instruction.opname == "STORE_ATTR"
    }
