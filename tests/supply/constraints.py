"""The files of ``constraints/``: which version of each package, with the hashes of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CONSTRAINTS = ROOT / "constraints"
#: A package, its version, the marker that says where it is needed, and the hashes of its files.
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
)
COMMENT = re.compile(r"^ *#.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """One version of a package, and the files of it that may be installed."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


def pins(name: str) -> list[Pin]:
    """Return what a file of ``constraints/`` lists."""
    return parsed((CONSTRAINTS / name).read_text())


def parsed(text: str) -> list[Pin]:
    """Return what a text lists.

    Raises ValueError, with the line, for anything but packages with versions and hashes.
    """
    found = []
    rest = COMMENT.sub("", text)
    while rest:
        one = PIN.match(rest)
        if one is None:
            raise ValueError(f"not a package with hashes: {rest.splitlines()[0]!r}")
        hashes = frozenset(one["hashes"].replace("\\", "").split())
        found.append(Pin(one["name"], one["version"], (one["marker"] or "").strip(), hashes))
        rest = rest[one.end() :].lstrip("\n")
    return found
