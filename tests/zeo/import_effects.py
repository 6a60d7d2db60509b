"""What importing all of zcasync changes in packages of others; a script for fresh interpreters.

``list`` prints the modules of zcasync, and of the others those that they load.  ``compare`` reads
that, imports the others first and then zcasync, and prints what is not the same as in between.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

#: They are imported where their applications are, and these change the others as they like.
OF_APPLICATIONS = ("zcasync.pyramid.", "zcasync.zope.")
WATCHED = ("ZEO", "ZODB", "transaction", "persistent", "BTrees")
#: What zope.interface writes down about a class when it is asked for the first time.
REMEMBERED = {"__implemented__", "__providedBy__", "__provides__"}


def list_modules() -> list[list[str]]:
    """Import all of zcasync, as it was found; return its modules and those of others."""
    package = importlib.import_module("zcasync")
    ours = ["zcasync"]
    ours += [
        found.name
        for found in pkgutil.walk_packages(package.__path__, "zcasync.")
        if not found.name.endswith(".__main__") and found.name != "zcasync.testing.plugin"
        if not found.name.startswith(OF_APPLICATIONS)
    ]
    for name in ours:
        importlib.import_module(name)
    return [ours, sorted(name for name in sys.modules if name.split(".")[0] in (*WATCHED, "zope"))]


def namespaces() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of the watched modules and of their classes, with their names."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in WATCHED:
            continue
        yield name, vars(module)
        for value in list(vars(module).values()):
            home = vars(value).get("__module__") if isinstance(value, type) else None
            if isinstance(home, str) and home.split(".")[0] in WATCHED:
                yield f"{home}.{value.__qualname__}", dict(vars(value))


def contents(value: Any) -> list[Any]:
    """What a container holds."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def look() -> dict[str, list[Any]]:
    """All values of the namespaces, and what they hold."""
    return {
        f"{place}.{name}": [value, *contents(value)]
        for place, namespace in namespaces()
        for name, value in list(namespace.items())
        if name not in REMEMBERED
    }


def registered() -> list[Any]:
    """What is registered for all of the process."""
    events = importlib.import_module("zope.event")
    registry = importlib.import_module("zope.component").globalSiteManager
    return [
        *registry.registeredAdapters(),
        *registry.registeredUtilities(),
        *registry.registeredHandlers(),
        *registry.registeredSubscriptionAdapters(),
        *events.subscribers,
    ]


def is_same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the same objects, not only equal ones."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def compare(ours: list[str], theirs: list[str]) -> dict[str, Any]:
    """Import the modules of others, then ours; return what the latter has changed."""
    for name in theirs:
        importlib.import_module(name)
    before, components = look(), registered()
    for name in ours:
        importlib.import_module(name)
    after = look()
    changed = [
        name
        for name in before.keys() | after.keys()
        if not is_same(before.get(name, []), after.get(name, []))
    ]
    return {
        "seen": len(before),
        "changed": sorted(changed),
        "registered": [repr(one) for one in registered() if one not in components],
    }


if __name__ == "__main__":
    if sys.argv[1] == "list":
        print(json.dumps(list_modules()))
    else:
        print(json.dumps(compare(*json.load(sys.stdin))))
