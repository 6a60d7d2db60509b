"""Beginnings of UUIDs, as tables print them, and what they stand for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

#: No fewer characters are printed, nor taken.
SHORTEST = 8
LEAST_TYPED = 4


def beginnings(uuids: Iterable[str]) -> dict[str, str]:
    """Return for each UUID the beginning by which it can be told from all others."""
    every = list(uuids)
    for length in range(SHORTEST, 36):
        short = {one: one[:length] for one in every}
        if len(set(short.values())) == len(short):
            return short
    return {one: one for one in every}


def meant(text: str, uuids: Iterable[uuid.UUID | None]) -> list[uuid.UUID]:
    """Return those of the UUIDs that the text is, or is the beginning of.

    Raises ValueError for a text that no UUID begins with.
    """
    digits = text.replace("-", "").lower()
    if len(digits) < LEAST_TYPED or len(digits) > 32 or digits.strip("0123456789abcdef"):
        raise ValueError(
            f"{text!r} is not a UUID, nor the beginning of one ({LEAST_TYPED} characters at least)"
        )
    found = {one for one in uuids if one is not None and one.hex.startswith(digits)}
    return sorted(found, key=str)
