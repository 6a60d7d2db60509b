"""The demo's input: source files, divided into portions that are one job each."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath

#: Folders that are not the library's own source.
LEFT_OUT = frozenset(["__pycache__", "site-packages", "dist-packages"])
#: A module of the top folder from this size on is a job of its own.
LARGE_MODULE_BYTES = 80_000
#: A package with more source than this becomes several jobs.
PORTION_BYTES = 400_000
SMALL_MODULES = "small modules"


@dataclass(frozen=True)
class SourceFile:
    """A file below the root; ``name`` is its path from there."""

    name: str
    size: int


@dataclass(frozen=True)
class Portion:
    """The files that one job indexes."""

    label: str
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """The bytes of source."""
        return sum(file.size for file in self.files)


def standard_library() -> Path:
    """Return the folder with the source of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def source_files(root: Path) -> list[SourceFile]:
    """Return every Python source file below ``root``, in the order of their names."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in names:
            path = Path(folder, name)
            if path.suffix == ".py" and path.is_file():
                found.append(SourceFile(str(path.relative_to(root)), path.stat().st_size))
    return sorted(found, key=lambda file: file.name)


def portions(files: Iterable[SourceFile]) -> list[Portion]:
    """Return the files by package, a large package in several parts, a large module by itself."""
    found = []
    for label, group in groupby(sorted(files, key=_label), key=_label):
        parts = list(_cut(group))
        for number, part in enumerate(parts, 1):
            name = label if len(parts) == 1 else f"{label} ({number} of {len(parts)})"
            found.append(Portion(name, part))
    return found


def _label(file: SourceFile) -> str:
    """Return the label of a file's job: its top package, its own name, or the small modules."""
    top = PurePath(file.name).parts[0]
    if top == file.name and file.size < LARGE_MODULE_BYTES:
        return SMALL_MODULES
    return top


def _cut(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, ...]]:
    part: list[SourceFile] = []
    size = 0
    for file in files:
        if part and size + file.size > PORTION_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(file)
        size += file.size
    yield tuple(part)
