"""Callables that conflict, for certain."""

from __future__ import annotations

from pathlib import Path

from ZODB.POSException import ConflictError

from tests.jobs.basic import Counter
from tests.support.gates import Gate


def add_behind_gate(counter: Counter, gate: str) -> int:
    """Changes the counter as it is now, once the gate is open."""
    value = counter.value
    Gate(gate).pass_through()
    counter.value = value + 1
    return counter.value


def conflict_once(counter: Counter, path: str) -> int:
    """Conflicts on the counter, the first time."""
    if not Path(path).exists():
        Path(path).touch()
        raise ConflictError("for certain", object=counter)
    return counter.value
