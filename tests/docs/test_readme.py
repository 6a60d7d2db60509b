"""The README does what it says: its files are written, its commands run, its output compared."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.guides import ROOT, blocks, commands, reader

README = ROOT / "README.rst"
#: The targets do not run here; test_tutorial.py installs the package, where there is nothing else.
ELSEWHERE = ("$ make ", "$ pip install zcasync")
#: A screen, of a terminal or of a page of a forge.
SCREEN_LINES = 42


def test_what_it_is_how_to_try_it_and_what_it_is_not_are_on_the_first_screen() -> None:
    screen = "\n".join(README.read_text().splitlines()[:SCREEN_LINES])

    for needed in ("one commit", ".. image:: docs/processes.svg", "$ pip install zcasync"):
        assert needed in screen
    assert "$ make demo\n    $ make test" in screen
    assert "What it is not: " in screen


def test_a_status_says_what_it_sees_and_is_no_error(folder: Path) -> None:
    with reader(folder) as one:
        one.run("zcasync run --home instance", "zcasync ready: ...")
        one.servers[0].process.kill()
        one.servers[0].process.wait()
        one.run("export INSTANCE_HOME=instance", "")
        one.run("zcasync ghosts > /dev/null; echo $?", "1\n")
        one.run("zcasync status", "...\n... ghost ...\n...")  # run wants the exit code 0


def test_the_readme_works_as_pasted(folder: Path) -> None:
    with reader(folder) as one:
        for block in blocks(README.read_text()):
            assert block.name or block.kind != "python", block.body
            if not block.body.startswith(ELSEWHERE):
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
