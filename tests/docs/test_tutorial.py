"""The tutorial, typed block by block where there is nothing but Python, pip and the package.

``pip install`` finds a wheel that is made of this checkout, and the packages that it needs, in a
folder; no network is needed, and nothing of the checkout or of its tests can help.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.guides import DOCS, ROOT, Reader
from tests.supply import package
from tests.supply.wheels import make_wheels

BUILD = "import setuptools.build_meta as b; b.build_wheel({folder!r})"
#: None of these is to be found where the tutorial is typed.
NOT_THERE = ("tests", "bench", "pytest", "hypothesis")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with wheels of zcasync, as it is in the checkout, and of all that it needs."""
    if (ROOT / "PKG-INFO").exists():
        pytest.skip("this is a source distribution; git knows what belongs into a wheel")
    checkout, folder = tmp_path / "checkout", tmp_path / "wheels"
    folder.mkdir()
    package.copy_tracked(checkout)
    build = [sys.executable, "-c", BUILD.format(folder=str(folder))]
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)
    make_wheels(folder)
    return folder


@pytest.fixture
def newcomer(folder: Path, tmp_path: Path, wheels: Path) -> Iterator[Reader]:
    """A reader whose shell has Python and the programs of the system, and nothing else."""
    programs = tmp_path / "programs"
    programs.mkdir()
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys._base_executable} "$@"\n')
    python.chmod(0o755)
    one = Reader(
        folder,
        {
            "PATH": f"{programs}{os.pathsep}{os.defpath}",
            "PWD": str(folder),
            "HOME": str(tmp_path),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",
        },
    )
    try:
        yield one
    finally:
        one.close()


def test_the_tutorial_can_be_typed_where_there_is_nothing_else(newcomer: Reader) -> None:
    newcomer.follow(DOCS / "tutorial.rst")

    assert len(newcomer.ran) > 20
    assert newcomer.typed == 0  # what is typed into Python would have been typed into this process
    for name in NOT_THERE:
        code, _, said = newcomer.shell(f"cd / && python -P -c 'import {name}'")
        assert (code, "ModuleNotFoundError" in said) == (1, True), name
    code, place, _ = newcomer.shell("python -P -c 'import zcasync; print(zcasync.__file__)'")
    assert Path(place).is_relative_to(newcomer.folder / "env")
