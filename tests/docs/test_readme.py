"""The README does what it says: its files are written, its commands run, its output compared."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.guides import ROOT, blocks, commands, reader

README = ROOT / "README.rst"


def test_the_readme_works_as_pasted(folder: Path) -> None:
    with reader(folder) as one:
        for block in blocks(README.read_text()):
            assert block.name or block.kind != "python", block.body
            if not block.body.startswith("$ make "):
                one.do(block)

        assert len(one.ran) >= 8


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [
        command.split()[1]
        for block in blocks(README.read_text())
        if block.kind == "console"
        for command, _ in commands(block.body)
        if command.startswith("make ")
    ]

    assert named
    assert set(named) <= set(targets)
