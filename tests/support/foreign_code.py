"""A folder of modules that leave a mark when they are imported: a stranger's code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: Modules that Python, its libraries and the package import early; some of them before any other.
WANTED = ["__future__", "ZODB", "click", "json", "logging", "re", "transaction", "typing"]
#: Those that ``python -m`` itself imports before any code of ours, and the package.
EARLIEST = ["collections", "enum", "os", "signal", "socket", "types", "zcasync", "zoneinfo"]


def plant(folder: Path, more: Sequence[str] = ()) -> Path:
    """Make the folder, with modules that others have wanted, and ``more``; return it."""
    (folder / "twisted" / "plugins").mkdir(parents=True)
    mark = f"open({str(folder / 'mark')!r}, 'a').write(__name__ + ' ')\n"
    files = [f"{name}.py" for name in [*WANTED, *more, "sitecustomize", "only_here"]]
    for name in [*files, "twisted/__init__.py", "twisted/plugins/theirs.py"]:
        (folder / name).write_text(mark)
    return folder


def imported(folder: Path) -> str:
    """Return the names of the modules there that were imported."""
    mark = folder / "mark"
    return mark.read_text() if mark.exists() else ""
