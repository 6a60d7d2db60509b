"""Jobs that are given a secret, and go wrong in ways that quote calls."""

from __future__ import annotations

import os

from tests.support.gates import Gate


def take(gate: str, password: str) -> int:
    """Kill the child the first time; return how long the secret is the second time."""
    Gate(gate).arrive()
    if len(Gate(gate).arrivals()) == 1:
        os._exit(5)
    return len(password)


def fail(password: str) -> None:
    """Fail without a word about what was given."""
    raise ValueError("it went wrong")
