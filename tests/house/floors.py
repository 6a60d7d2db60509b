"""The order of the rooms, from the ground upward: imports stay on a floor or go down."""

from __future__ import annotations

from collections.abc import Mapping

from tests.house.source import PACKAGE, Module

#: A room is a folder; at the top of the package each module is one, and ``zcasync`` its __init__.
FLOORS = (
    (
        "allowed",
        "authority",
        "certificates",
        "clock",
        "errors",
        "events",
        "formats",
        "import_path",
        "standard_streams",
        "text",
        "unpublished",
        "interfaces",
        "meetings",
        "keepalive",
        "unix_sockets",
        "users",
        "versions",
        "ways",
    ),
    ("relstorage",),
    ("zeo", "application", "instance", "protocol"),
    ("job",),
    ("database", "workers"),
    ("retry",),
    ("perform", "liveness", "results"),
    ("partial",),
    ("queues",),
    ("schedules",),
    (
        "datamanager",
        "salvage",
        "calls",
        "adapters",
        "registry",
        "twist",
        "patterns",
        "flows",
        "subscribers",
        "instanceuuid",
        PACKAGE,
    ),
    ("supervisor", "supervisor/poll", "supervisor/children", "supervisor/zeo_server", "child"),
    ("twisted_engine", "reports", "audit", "zcml"),
    ("control",),
    ("panel",),
    ("cli", "demo", "load", "pyramid", "testing", "zope"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def rooms(modules: Mapping[str, Module]) -> dict[str, str]:
    """The room of each module.

    Before there were rooms the top of the package was a flat hall: one room, ``zcasync``.
    """
    top = [module.path.stem for module in modules.values() if not module.folder]
    is_hall = any(stem not in FLOOR for stem in top if stem != "__init__")
    return {name: module.folder or _at_the_top(module, is_hall) for name, module in modules.items()}


def _at_the_top(module: Module, is_hall: bool) -> str:
    return PACKAGE if is_hall or module.path.stem == "__init__" else module.path.stem
