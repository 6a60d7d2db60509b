"""The operator's handbook has what the log and exit codes say, and etc/ has what it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.docs.guides import DOCS, ROOT
from zcasync.child import process as child
from zcasync.cli import errors as cli
from zcasync.errors import HistoryChanged
from zcasync.supervisor.zeo_server import __main__ as server
from zcasync.zeo import full_disk, own_file
from zcasync.zeo import server as zeo

HANDBOOK = DOCS / "operations.rst"
LEVELS = {"warn", "error", "critical", "failure"}
#: In the handbook, and written by what a pass has found, or with the name of an error.
FOUND_ELSEWHERE = {
    "HistoryChanged: ...",
    "engine ... left without saying so: its work is taken over",
    "engine ... of worker ... is buried: ...",
    "job ... was interrupted (number ...) and will run again: ...",
    "zcasync ready: serves ...",
}
#: Formats that hand on a sentence from elsewhere, which says itself what is.
HANDED_ON = {
    "...",
    "...: ...",
    "... (...)",
    "... cannot be written: ...",
    "... is gone: ...",
    "control socket: ...: ......",
    "database server: ...",
    "reactor jobs: ...",
}
#: Sentences that say themselves what is, and where there is something to do, what.
PLAIN = {
    "... and ... more like this in the last minute, the last one job ...: ...",
    "... and ... more ... of other kinds in the last minute; zcasync jobs lists the jobs",
    "... cannot be written: ...; lines wait for it, and are dropped when they are too many",
    "... failed",
    "...: an error, trying again: ...",
    "a connection did not close in time",
    "jobs of engine ... go on in threads of this process, which cannot be killed, so it stays "
    "behind as a ghost; the next start after the end of this process takes its work over: ...",
    "no engine runs in this process any more: ...",
    "reactor job ... cannot be done, and ends",
    "reactor job ... could not be ended",
    "reactor job ... is not committed: ...",
    "reactor job ... waits for a thread: ...",
    "the application did not close in time",
    "the next pass of engine ... is made over a new connection",
    "while renewing the engine",
    "while stopping",
    "while acting on a signal",
    "the size of the database could not be noted",
    "... again: running jobs get ... s more at most, and a third one ends the supervisor at once",
    "... for the third time: the supervisor ends at once; its children are killed, and their jobs "
    "are left to the next engine",
}


def section(title: str) -> str:
    """The text of one section of the handbook, each run of blanks as one."""
    found = re.search(
        rf"^{re.escape(title)}\n=+\n(.*?)(?=^[^\n]+\n=+$|\Z)",
        HANDBOOK.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"the handbook has no section {title!r}"
    return " ".join(found[1].split())


def sentences(folder: Path, levels: Collection[str] = LEVELS) -> Iterator[tuple[str, str]]:
    """What the modules below a folder write to the log at these levels, and where."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("log"), level), [ast.Constant(str(text)), *_]):
                    if level in levels:
                        yield re.sub(r"\{[^}]*\}", "...", text), f"{path.name}:{node.lineno}"


def test_sentences_of_the_log_are_in_the_handbook_or_explain_themselves() -> None:
    listed = set(re.findall(r"\* - ``(.+?)``", section("Sentences of the log")))
    written = dict(sentences(ROOT / "zcasync" / "supervisor"))
    assert len(written) > 40

    unknown = {text: where for text, where in written.items() if text not in listed}
    assert unknown.keys() <= HANDED_ON | PLAIN, "explain them in docs/operations.rst"
    assert unknown.keys() == HANDED_ON | PLAIN, "these are not said any more, or are in the table"
    said = {text for text, _ in sentences(ROOT / "zcasync" / "supervisor", {*LEVELS, "info"})}
    assert listed - said == FOUND_ELSEWHERE, "the handbook has what is not said any more"


@pytest.mark.parametrize(
    ("process", "code"),
    [
        ("child", child.EXIT_BOOT_FAILED),
        ("child", child.EXIT_DESCRIPTORS),
        ("child", child.EXIT_REACTOR),
        ("database server", server.EXIT_IN_USE),
        ("database server", server.EXIT_UNUSABLE),
        ("database server", zeo.EXIT_STORAGE_CLOSED),
        ("database server", f"{full_disk.EXIT_CANNOT_WRITE}, {full_disk.EXIT_NO_ROOM}"),
        ("database server", own_file.EXIT_FILE_REPLACED),
    ],
)
def test_exit_codes_of_its_processes_are_in_the_handbook(process: str, code: int | str) -> None:
    assert f"* - {process} - {code} - " in section("Exit codes")


def test_exit_codes_of_commands_are_in_the_handbook() -> None:
    known = {
        *(cli.EXIT_NO, cli.EXIT_WRONG, cli.EXIT_AWAY, HistoryChanged.exit_code),
        *(cli.EXIT_INTERRUPTED, cli.EXIT_BROKEN_PIPE, 0),
    }
    commands = (
        section("Exit codes").partition("Of commands:")[2].partition("zcasync status --check")[0]
    )
    rows = re.findall(r"\* - ([\d, ]+) - ", commands)

    assert {int(one) for row in rows for one in row.split(",")} == known


def test_files_that_the_handbook_names_are_in_etc() -> None:
    table = section("Install as a service").partition(" :: ")[0]
    named = re.findall(r" - ``([\w./]+)``(?:, ``([\w.]+)``)?", table)

    found = [name for names in named for name in names if name]
    assert len(found) == 5
    assert all((ROOT / "etc" / name).exists() for name in found)
