"""Trouble: one thing that is wrong, with its weight and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The weight of a trouble; monitoring takes the number for the exit code of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong.  ``name``: for programs; ``text``: for people; what to do."""

    level: Level
    name: str
    text: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """Return the trouble as ``status --check --json`` has it."""
        return {**self.__dict__, "level": self.level.name}
