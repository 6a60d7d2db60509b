"""What is installed is listed with its version and the hashes of its files, and nothing else is."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.constraints import ROOT, Pin, parsed, pins
from zcasync.versions import SUPPORTED, Version, numbers_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN_TIME = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]
#: What each file is made from.
SOURCES = {
    "run.txt": RUN_TIME,
    "dev.txt": [*RUN_TIME, *EXTRAS["dev"], *BUILD],
    "bench.txt": [*RUN_TIME, *EXTRAS["bench"]],
    "docs.txt": [*RUN_TIME, *EXTRAS["docs"]],
    **{f"{name}.txt": needed for name, needed in PROJECT["dependency-groups"].items()},
}


def by_name(name: str) -> dict[str, list[Pin]]:
    """The pins of each package: several where the versions of Python differ."""
    found: dict[str, list[Pin]] = {}
    for pin in pins(name):
        found.setdefault(pin.name, []).append(pin)
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_all_that_is_asked_for_is_pinned(name: str) -> None:
    pinned = by_name(name)
    needed = [Requirement(one) for one in SOURCES[name]]

    assert [
        str(one)
        for one in needed
        if not any(
            pin.version in one.specifier for pin in pinned.get(canonicalize_name(one.name), [])
        )
    ] == [], "run: make constraints"


@pytest.mark.parametrize(
    ("part", "whole"), [("run.txt", "dev.txt"), ("run.txt", "bench.txt"), ("run.txt", "docs.txt")]
)
def test_what_is_installed_together_has_the_same_files(part: str, whole: str) -> None:
    assert set(pins(part)) - set(pins(whole)) == set()


def test_the_matrix_has_the_oldest_and_the_newest_that_are_supported() -> None:
    def versions(name: str) -> dict[str, Version]:
        return {pin.name: numbers_of(pin.version) for pin in pins(name)}

    oldest, newest, zope5 = map(versions, ["oldest.txt", "dev.txt", "zope5.txt"])
    for name, ends in SUPPORTED.items():
        assert (oldest[name.lower()], newest[name.lower()]) == ends
    assert (zope5["zope"], zope5["zodb"]) == ((5, 13), (6, 2))


@pytest.mark.parametrize("name", ["bench.txt", "docs.txt"])
def test_plots_and_pages_change_nothing_of_what_the_tests_run_with(name: str) -> None:
    dev, more = by_name("dev.txt"), by_name(name)

    both = dev.keys() & more.keys()
    assert {name: more[name] for name in both} == {name: dev[name] for name in both}


def test_the_tests_run_with_what_is_pinned() -> None:
    here = {
        pin.name: pin.version
        for pin in pins("run.txt")
        if not pin.marker or Marker(pin.marker).evaluate()
    }

    assert {name: version(name) for name in here} == here, "run: make install"


@pytest.mark.parametrize(
    "line",
    [
        "zodb==6.4",
        "zodb>=6.4 \\\n    --hash=sha256:" + 64 * "0",
        "zodb==6.4 \\\n    --hash=md5:" + 32 * "0",
        "zodb @ file:///wheels/zodb-6.4.whl",
        "--index-url https://mirror.example.com/simple",
        "--editable .",
    ],
)
def test_what_cannot_be_verified_is_no_pin(line: str) -> None:
    with pytest.raises(ValueError, match="not a package with hashes"):
        parsed(line + "\n")


def test_make_installs_nothing_else() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^\t.*-m pip (.*)", makefile, re.MULTILINE)

    assert "\nVERIFIED = install --quiet --require-hashes $(WHEELS) --requirement\n" in makefile
    assert {one for one in commands if "$(VERIFIED)" not in one} == {
        "install --quiet --no-deps --no-build-isolation --editable ."
    }
    assert len(commands) > 5
