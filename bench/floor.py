"""The floor: raw commits of two small records through the same database server."""

from __future__ import annotations

import time
from typing import Any

from persistent.mapping import PersistentMapping

from bench.clients import together
from bench.place import Place
from bench.rows import Row, Say, middle
from bench.scale import Scale


def rate(connection: Any, count: int) -> float:
    """Commits a second of one client that changes two small records in each."""
    transactions = connection.transaction_manager
    transactions.begin()
    one, two = PersistentMapping(), PersistentMapping()
    connection.add(one)
    connection.add(two)
    transactions.commit()
    began = time.perf_counter()
    for number in range(count):
        one["value"] = two["value"] = number
        transactions.commit()
    return count / (time.perf_counter() - began)


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """One client, and two at once."""
    alone, both = [], []
    for number in range(scale.rounds):
        say(f"round {number + 1} of {scale.rounds}")
        alone.append(rate(place.connection, scale.commits))
        both.append(sum(together(rate, [(scale.commits,)] * 2, place.home)))
    ratio = middle(two / one for one, two in zip(alone, both, strict=True))
    return [
        Row("raw commits, one client", middle(alone), "/s", 1.0),
        Row("raw commits, two clients", middle(both), "/s", ratio),
    ]
