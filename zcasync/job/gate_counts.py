"""Counts: how far the calls are that a gate waits for."""

from __future__ import annotations

from typing import NamedTuple

from zcasync.unpublished import Unpublished


class _Counts(NamedTuple):
    total: int
    done: int
    failed: int


class Counts(Unpublished, _Counts):
    """How many calls a gate waits for, how many have ended, how many of these have failed."""
