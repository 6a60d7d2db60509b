"""How often writers meet: eight client processes put while two supervisors claim."""

from __future__ import annotations

import time
from typing import Any

from ZODB.POSException import ConflictError

from bench import calls
from bench.clients import together
from bench.place import Place, neighbour, served, supervised
from bench.rows import Need, Row, Say
from bench.scale import Scale
from zcasync.datamanager import find
from zcasync.instance.home import Home
from zcasync.protocol.control_client import ControlClient

CLIENTS = 8
#: With fewer claims than this one conflict would already be too many.
ENOUGH_CLAIMS = 20


def put_for(connection: Any, seconds: float) -> tuple[int, int]:
    """Put in a tight loop; returns how many puts were committed and how many commits refused."""
    transactions = connection.transaction_manager
    manager: Any = find(connection)
    puts = conflicts = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        transactions.begin()
        try:
            manager.thread.put(calls.noop)
            transactions.commit()
            puts += 1
        except ConflictError:
            transactions.abort()
            conflicts += 1
    return puts, conflicts


def passes(homes: list[Home]) -> dict[str, int]:
    """What the passes of these homes' supervisors did so far, together."""
    total: dict[str, int] = {}
    for home in homes:
        client = ControlClient(home.control_socket, 60.0)
        try:
            for name, count in client.status()["passes"].items():
                total[name] = total.get(name, 0) + count
        finally:
            client.close()
    return total


def measure(scale: Scale, say: Say) -> list[Row]:
    """Conflicts of both sides."""
    with served() as place:
        other = neighbour(place, place.home.path / "other")
        with supervised(other, 2):
            return _measure(place, other, scale, say)


def _measure(place: Place, other: Home, scale: Scale, say: Say) -> list[Row]:
    homes = [place.home, other]
    say(f"{CLIENTS} clients put for {scale.writing:g} s")
    before = passes(homes)
    found = together(put_for, [(scale.writing,)] * CLIENTS, place.home)
    after = passes(homes)
    counted = {name: after[name] - before[name] for name in after}
    puts = sum(one[0] for one in found)
    conflicts = sum(one[1] for one in found)
    claims = counted["claiming"]
    few = "" if claims >= ENOUGH_CLAIMS else f"only {claims} claims"
    return [
        Row(f"puts of {CLIENTS} processes", puts / scale.writing, "/s"),
        Row("conflicts a put", 100 * conflicts / puts, "%", None, Need(0.1, at_most=True)),
        Row("jobs claimed meanwhile by 2 supervisors", counted["claimed"] / scale.writing, "/s"),
        Row("claims (passes that claimed)", claims, ""),
        Row("conflicts a claim", counted["conflicts"] / max(1, claims), "", None,
            Need(0.1, at_most=True), few),
    ]  # fmt: skip
