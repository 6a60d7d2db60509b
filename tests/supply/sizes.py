"""The size of each package of an environment on disk: ``PYTHON -m tests.supply.sizes``.

``docs/dependencies.rst`` has these figures, of what ``constraints/run.txt`` lists.  Byte code is
left out: it comes when it is used.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path
from sysconfig import get_path

#: Where packages are installed; the current directory, which may be a checkout, is left out.
PLACES = sorted({get_path("purelib"), get_path("platlib")})


def size_of(package: Distribution) -> int:
    """Return the bytes of a package's files."""
    paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.exists())


def megabytes(size: int) -> str:
    """Return a size as the table has it."""
    return f"{max(size / 1e6, 0.1):.1f} MB"


def table() -> list[tuple[str, str]]:
    """Return each package, named as in ``constraints/``, with its size, and then the sum."""
    sizes = {
        re.sub(r"[-_.]+", "-", package.name).lower(): size_of(package)
        for package in distributions(path=PLACES)
    }
    rows = [(name, megabytes(size)) for name, size in sorted(sizes.items())]
    return [*rows, (f"{len(sizes)} packages", megabytes(sum(sizes.values())))]


if __name__ == "__main__":
    for name, size in table():
        print(f"{name:24}{size:>10}")
