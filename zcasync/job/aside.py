"""Aside: what a call lacks that is set aside, since when, and for how long at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from zcasync import clock
from zcasync.errors import (
    MissingCallable,
    MissingClass,
    MissingCode,
    MissingPolicy,
    UnknownOption,
)
from zcasync.text import printable

#: What is missing, in the words of operators.
KINDS = {MissingCallable: "function", MissingClass: "class", MissingPolicy: "retry policy"}
#: Longer names and texts are cut.
NAME_CHARACTERS, TEXT_CHARACTERS = 200, 500


@dataclass(frozen=True)
class Missing:
    """What is not there.  ``name``: dotted, of a module, function or class; ``text``: for people.

    Calls that lack the same are looked after together, by the name.
    """

    name: str
    text: str

    @classmethod
    def of(cls, error: MissingCode, needed: str) -> Missing | None:
        """Return what an error says is not there; None: it is there, and fails.

        ``needed``: the dotted name of the callable, or of the retry policy.
        """
        if error.missing is None:
            return None
        if isinstance(error, UnknownOption):
            text = str(error)
        else:
            is_class = isinstance(error, MissingClass)
            text = f"no such {KINDS[type(error)]} here: {error.missing if is_class else needed}"
        cause = error.__cause__
        while isinstance(cause, MissingCode):
            cause = cause.__cause__
        if cause is not None:
            text += f" ({cause})"
        said = printable(" ".join(text.split()))[:TEXT_CHARACTERS]
        return cls(printable(error.missing)[:NAME_CHARACTERS], said)

    def as_line(self) -> str:
        """Return it as one text, for a message."""
        return f"{self.name}\n{self.text}"

    @classmethod
    def from_line(cls, line: str) -> Missing:
        """Return what ``as_line`` has made a text of."""
        name, _, text = line.partition("\n")
        return cls(name, text)


class Aside(NamedTuple):
    """The stored form: since when, until when at most (microseconds), and what is missing."""

    since: int
    until: int
    name: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return it as ``job --json`` has it."""
        return {
            "missing": self.name,
            "reason": self.text,
            "since": clock.to_datetime(self.since).isoformat(),
            "until": clock.to_datetime(self.until).isoformat(),
        }
