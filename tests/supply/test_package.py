"""The package holds all that belongs to it and nothing else, and says what it is and pulls in.

``make package`` tries out what is built here, in environments that have nothing else.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from email import message_from_string
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.docs.tables import rows
from tests.supply import package
from tests.supply.constraints import CONSTRAINTS, ROOT, pins

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Lies about in a checkout that is worked with, and is ignored by git.
DEBRIS = (
    "etc/uuid.txt",
    "twisted/plugins/dropin.cache",
    "docs/conf.pyc",
    "zcasync/cli/__pycache__/main.cpython-311.pyc",
)
BUILD = "import setuptools.build_meta as b; b.build_sdist('out'); b.build_wheel('out')"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A source distribution and a wheel, both made in a checkout that was worked with."""
    if (ROOT / "PKG-INFO").exists():
        pytest.skip("this is a source distribution; git knows what belongs into one")
    folder = tmp_path_factory.mktemp("checkout")
    package.copy_tracked(folder)
    for name in DEBRIS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("rubbish")
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, check=True, capture_output=True)
    (sdist,), (wheel,) = folder.glob("out/*.tar.gz"), folder.glob("out/*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Message:
    """What the wheel says about itself."""
    with ZipFile(built[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        return message_from_string(wheel.read(name).decode())


def test_a_source_distribution_is_the_repository_without_its_links(
    built: tuple[Path, Path],
) -> None:
    found = package.in_sdist(built[0])

    assert package.sdist_faults(found) == []
    assert {"CHANGES.rst", "Makefile", "docs/index.rst", "etc/zcasync.service"} <= found
    assert {"tests/supply/test_package.py", "constraints/run.txt", "bench/__init__.py"} <= found
    assert found.isdisjoint({"child", "protocol", "supervisor", *DEBRIS})


def test_a_wheel_is_zcasync_and_its_plugin(built: tuple[Path, Path]) -> None:
    found = package.in_wheel(built[1])

    assert package.wheel_faults(found, str(Version(PROJECT["version"]))) == []
    assert {name.partition("/")[0] for name in found if ".dist-info/" not in name} == {
        "zcasync",
        "twisted",
    }


def test_what_is_missing_and_what_is_too_much_are_named(built: tuple[Path, Path]) -> None:
    sdist = package.in_sdist(built[0]) - {"docs/index.rst"} | {"etc/uuid.txt", "child"}
    wheel = package.in_wheel(built[1]) - {"zcasync/py.typed"} | {"tests/__init__.py"}

    assert package.sdist_faults(sdist) == [
        "sdist: docs/index.rst is missing",
        "sdist: child does not belong there",
        "sdist: etc/uuid.txt does not belong there",
    ]
    assert package.wheel_faults(wheel, str(Version(PROJECT["version"]))) == [
        "wheel: zcasync/py.typed is missing",
        "wheel: tests/__init__.py does not belong there",
    ]


def test_it_says_what_it_is_and_whose(metadata: Message) -> None:
    assert metadata["Author"] == "zcasync developers"
    assert metadata["License-Expression"] == "ZPL-2.1"
    assert {"ZODB", "job queue", "Zope"} <= set(metadata["Keywords"].split(","))
    assert {"Typing :: Typed", "Framework :: Zope", "Framework :: Twisted"} <= set(
        metadata.get_all("Classifier", [])
    )


def test_changes_are_those_of_the_version() -> None:
    heading = re.search(r"^(\S+) \((.+)\)\n-+$", (ROOT / "CHANGES.rst").read_text(), re.MULTILINE)
    version = Version(PROJECT["version"])

    assert heading is not None
    assert heading[1] == version.base_version
    assert (heading[2] == "unreleased") == version.is_devrelease


def test_what_is_imported_is_named_among_the_dependencies() -> None:
    known = packages_distributions()
    extras = PROJECT["optional-dependencies"]
    # Rooms that only their applications need; that of Zope is for who has it.
    wanted = [*PROJECT["dependencies"], *extras["zcml"], *extras["pyramid"]]
    named = {canonicalize_name(Requirement(one).name) for one in wanted}
    # Packages of zope and zc share their first name; pytest loads the plugin that imports it.
    own = {"zcasync", "pytest"}

    assert {
        name
        for name in imported(but="zope")
        if name.partition(".")[0] not in sys.stdlib_module_names
        and named.isdisjoint(map(canonicalize_name, [name, *known.get(name, ())]))
    } == own


def imported(but: str) -> set[str]:
    """The packages that modules of zcasync import, of a namespace the package in it.

    ``but``: a room whose own are left out.
    """
    modules: set[str] = set()
    for path in (ROOT / "zcasync").rglob("*.py"):
        if path.parent.name == but:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
    shared = re.compile(r"(?:zope|zc)\.\w+|\w+")
    return {name[0] for name in map(shared.match, modules) if name}


def test_all_that_is_pulled_in_is_listed_with_who_needs_it_why_and_its_size() -> None:
    *listed, total = rows((ROOT / "docs" / "dependencies.rst").read_text())
    needed_by = {name: needed for name, needed, _why, _size in listed}
    sizes = [float(size.removesuffix(" MB")) for *_, size in listed]

    assert needed_by == by_whom()
    assert all(
        why.endswith(".") and size > 0 for (_, _, why, _), size in zip(listed, sizes, strict=True)
    )
    assert total[0] == f"{len(listed)} packages"
    # Each is rounded, and the small ones up.
    assert float(total[3].removesuffix(" MB")) == pytest.approx(sum(sizes), abs=0.1 * len(sizes))


def by_whom() -> dict[str, str]:
    """Who needs each package that is installed at run time, as uv has found out."""
    text = (CONSTRAINTS / "run.txt").read_text()
    entries = re.findall(
        r"^([a-z0-9-]+)==.*\n(?:    --hash.*\n)+((?:    # .*\n)+)", text, re.MULTILINE
    )
    found = {
        name: ", ".join(sorted(re.findall(r"#(?: via)? +(?!via)([\w-]+)", via)))
        for name, via in entries
    }
    assert found.keys() == {pin.name for pin in pins("run.txt")}
    return found
