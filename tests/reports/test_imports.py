"""What reports, and the commands that print them, need: neither a command nor the supervisor."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zcasync

PACKAGE = Path(zcasync.__file__).parent
REPORTS = sorted((PACKAGE / "reports").glob("*.py"))
#: The command that is itself the supervisor's process.
RUN = "run.py"
COMMANDS = [path for path in sorted((PACKAGE / "cli").glob("*.py")) if path.name != RUN]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports anywhere, each with whether that is at its beginning."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{one.name}", node in tree.body) for one in node.names)
        elif isinstance(node, ast.Import):
            yield from ((one.name, node in tree.body) for one in node.names)


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_a_report_needs_no_command_and_no_supervisor(path: Path) -> None:
    for module, is_at_the_beginning in imports(path):
        assert not module.startswith(("zcasync.cli", "zcasync.supervisor")), module
        assert is_at_the_beginning, module


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_only_the_command_that_runs_a_supervisor_imports_its_package(path: Path) -> None:
    assert not [one for one, _ in imports(path) if one.startswith("zcasync.supervisor")]
