"""CONTRIBUTING.rst leads to files, targets and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.points import POINTS
from tests.house import floors

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "CONTRIBUTING.rst").read_text()
LITERALS = re.findall(r"``([^`]+)``", TEXT)
#: A file or a folder, alone or as a word of a command.
PATH = re.compile(r"(?<!\S)(?:[a-z_]+/)*[a-z_]+(?:\.py|\.rst|/)(?!\S)")


def paths() -> list[str]:
    """The files and folders that are named."""
    commands = re.findall(r"^    \$ (.*)$", TEXT, re.MULTILINE)
    return sorted({path for text in LITERALS + commands for path in PATH.findall(text)})


def exists(path: str) -> bool:
    return (ROOT / "zcasync" / path).exists() or (ROOT / path).exists()


def test_its_files_exist() -> None:
    assert [path for path in paths() if not exists(path)] == []


def test_it_names_every_room() -> None:
    folders = {f"{room}/" for rooms in floors.FLOORS for room in rooms if is_folder(room)}

    assert len(paths()) > 60
    assert folders - set(paths()) == set()


def is_folder(room: str) -> bool:
    return (ROOT / "zcasync" / room).is_dir()


def test_its_targets_and_modules_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:``|\$ )make ([a-z]+)", TEXT)) <= targets
    for module in re.findall(r"python -m ((?:tests|bench)[.\w]*)", TEXT):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_the_chaos_point_that_it_names_is_one() -> None:
    (named,) = re.findall(r"POINT=(\S+)", TEXT)
    assert named in set(map(str, POINTS))
