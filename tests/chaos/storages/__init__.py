"""The storages that an arena can have: each a server, which dies and comes back, and its client.

``make chaos STORAGE=`` names one of ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.storages.interfaces import IServed
from tests.chaos.storages.zeo import own_server, upstream_server


def _relstorage(folder: Path) -> IServed:
    from tests.chaos.storages.relstorage import PostgresServer  # in an environment that has it

    return PostgresServer(folder)


#: By name: what makes one whose files are in a folder.
KINDS: dict[str, Callable[[Path], IServed]] = {
    "embedded": own_server,
    "zeo": upstream_server,
    "relstorage": _relstorage,
}
