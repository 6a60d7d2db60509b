"""The installed packages that ``constraints/run.txt`` lists, made into wheels again.

With them an empty environment can install zcasync where there is no network.  Their files are those
that the tests run with.
"""

from __future__ import annotations

import csv
import io
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.markers import Marker
from packaging.tags import sys_tags

from tests.supply.constraints import pins


def make_wheels(folder: Path) -> None:
    """Write a wheel into a folder for each package that is needed at run time on this machine."""
    for pin in pins("run.txt"):
        if not pin.marker or Marker(pin.marker).evaluate():
            _make_wheel(distribution(pin.name), folder)


def _make_wheel(found: Distribution, folder: Path) -> None:
    """Pack one: all that was in its wheel, without what an installer has added."""
    (described,) = (path.parts[0] for path in _files(found) if path.parts[1:] == ("METADATA",))
    record = io.StringIO()
    rows = csv.writer(record)
    with ZipFile(
        folder / f"{described.removesuffix('.dist-info')}-{_tag(found)}.whl", "w"
    ) as wheel:
        for path in _files(found):
            wheel.write(str(path.locate()), str(path))
            rows.writerow([path, "", ""])
        wheel.writestr(f"{described}/RECORD", record.getvalue() + f"{described}/RECORD,,\n")


def _files(found: Distribution) -> list[PackagePath]:
    added = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    return [
        path
        for path in found.files or ()
        if path.parts[0] != ".." and path.suffix != ".pyc" and path.name not in added
    ]


def _tag(found: Distribution) -> str:
    """Return the tag of a package that this Python accepts: which machines its files are for."""
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = {line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")}
    return next(str(tag) for tag in sys_tags() if str(tag) in tags)
