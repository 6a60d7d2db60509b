"""Ending: a command's failure as its document has it, of one form whatever has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ending:
    """An error for people and for programs.

    ``kind``: its name for programs; ``remedy``: what to do about it, None where that is not known.
    """

    code: int
    kind: str
    message: str
    remedy: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what a document with ``--json`` has more, or alone, when a command fails."""
        message = " ".join(self.message.split())
        return {
            "error": {
                "code": self.code,
                "kind": self.kind,
                "message": message,
                "remedy": self.remedy,
            }
        }
