"""Runs a guide as a reader would: files are written, commands run, Python lines are typed in.

A guide's text is taken from its beginning to its end.  A ``code-block`` with a ``:name:`` is a file
to write, one of the kind ``console`` has commands for a shell, each followed by its output, and
``>>>`` lines are an interactive session in the same folder.  ``...`` stands for any output.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zcasync.testing.supervisor import Supervisor
from zcasync.testing.waiting import wait_until

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"^\.\. code-block:: (?P<kind>\w+)\n(?:    :name: (?P<name>\S+)\n)?\n"
    r"(?P<body>(?:    .*\n|\n)+)",
    re.MULTILINE,
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST
#: For one command: one of them runs several supervisors, and the machine may be busy.
SECONDS = 300
#: Commands that do not return: each has a terminal of its own.
SERVERS = ("zcasync run", "python -P -m zcasync.zeo")
#: Runs a command and says which variables the shell has afterwards.
WRAPPED = 'set -a\n{command}\ncode=$?\nenv -0 > "{variables}"\nexit $code\n'


@dataclass(frozen=True)
class Block:
    """A code block: its kind, its name, its text without indentation, where it begins and ends."""

    kind: str
    name: str | None
    body: str
    span: tuple[int, int]


def blocks(text: str) -> list[Block]:
    """The code blocks of a document."""
    return [
        Block(
            found["kind"],
            found["name"],
            re.sub(r"^    ", "", found["body"], flags=re.MULTILINE).rstrip() + "\n",
            found.span(),
        )
        for found in BLOCK.finditer(text)
    ]


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown for it."""
    pairs: list[tuple[str, str]] = []
    for line in block.strip().splitlines():
        command, shown = pairs[-1] if pairs else ("", "")
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif command.endswith("\\"):  # it goes on
            pairs[-1] = (f"{command}\n{line}", shown)
        else:
            pairs[-1] = (command, f"{shown}{line}\n")
    return pairs


def matches(shown: str, output: str) -> bool:
    """Whether the output is what is shown, where ``...`` stands for anything."""
    pattern = ".*".join(map(re.escape, re.split(r" ?\.\.\. ?", _squeezed(shown))))
    return re.fullmatch(pattern, _squeezed(output), re.DOTALL) is not None


def _squeezed(text: str) -> str:
    """One space where there are several, none at the ends of lines: widths of columns differ."""
    return "\n".join(re.sub(r" +", " ", line).strip() for line in text.strip().splitlines())


@dataclass
class Server:
    """A command that runs in a terminal of its own."""

    command: str
    process: subprocess.Popen[bytes]
    file: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.file.read_text(errors="replace")


@dataclass
class Reader:
    """Somebody who does what a guide says, in a folder."""

    folder: Path
    env: dict[str, str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "guide"})
    servers: list[Server] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    typed: int = 0

    def follow(self, path: Path, replace: dict[str, str] | None = None) -> None:
        """Do all that a guide says, with some words replaced; fails where something else comes."""
        text = path.read_text()
        for old, new in (replace or {}).items():
            assert old in text, f"{path.name} does not say {old!r} any more"
            text = text.replace(old, new)
        end = 0
        for block in blocks(text):
            self.type_in(text, end, block.span[0], path)
            self.do(block)
            end = block.span[1]
        self.type_in(text, end, len(text), path)

    def do(self, block: Block) -> None:
        """Write the file, or run the commands."""
        if block.name is not None:
            (self.folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.name).write_text(block.body)
        elif block.kind == "console":
            for command, shown in commands(block.body):
                self.run(command, shown)

    def type_in(self, text: str, begin: int, end: int, path: Path) -> None:
        """Type the Python lines between two places of the text."""
        line = text.count("\n", 0, begin)
        parser = doctest.DocTestParser()
        test = parser.get_doctest(text[begin:end], self.names, path.name, str(path), line)
        test.globs = self.names  # not the copy: the next lines go on with it
        said: list[str] = []
        results = doctest.DocTestRunner(optionflags=FLAGS).run(
            test, out=said.append, clear_globs=False
        )
        self.typed += results.attempted
        assert results.failed == 0, "".join([*said, *self.terminals()])

    def run(self, command: str, shown: str) -> None:
        """Run one command and compare its output."""
        self.ran.append(command)
        if command.startswith(SERVERS):
            self.serve(command, shown)
            return
        variables = self.folder / ".variables"
        code, out, err = self.shell(WRAPPED.format(command=command, variables=variables))
        seen = f"$ {command}\n{out}{err}"
        assert code == 0, "".join([seen, *self.terminals()])
        assert not shown or matches(shown, out), f"{seen}\n--- expected\n{shown}"
        pairs = (one.partition("=") for one in variables.read_text().split("\0") if one)
        self.env = {name: value for name, _, value in pairs}

    def shell(self, script: str) -> tuple[int, str, str]:
        """Run a script; its exit code and its output.  Whatever it started ends with it."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", script],
            cwd=self.folder,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                out, err = process.communicate(timeout=SECONDS)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return process.returncode, out, err

    def serve(self, command: str, shown: str) -> None:
        """Run a server in another terminal, and wait for what it says first."""
        file = self.folder / f".terminal-{len(self.servers)}"
        with file.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(command, process, file)
        self.servers.append(server)
        wait_until(
            lambda: matches(f"...{shown.rstrip()}...", server.output) or process.poll() is not None,
            f"{command!r} to say {shown!r}",
            SECONDS,
            lambda: server.output,
        )
        assert process.poll() is None, f"{command!r} has ended\n{server.output}"

    def terminals(self) -> Iterator[str]:
        """What the servers have said, for messages about failures."""
        for server in self.servers:
            yield f"\n--- {server.command}\n{server.output[-3000:]}"
        for log in sorted(self.folder.glob("*/log/zcasync.log")):
            yield f"\n--- {log.relative_to(self.folder)}\n{log.read_text()[-6000:]}"

    def close(self) -> None:
        """Stop the servers that run, the last one first, and what a failed guide has left."""
        for value in self.names.values():
            if isinstance(value, Supervisor):
                value.stop()
        for server in reversed(self.servers):
            if server.process.poll() is None:
                server.process.terminate()
            code = server.process.wait(SECONDS)
            killed = -signal.SIGKILL, -signal.SIGTERM
            assert code in (0, *killed), f"{server.command!r} ended with {code}\n{server.output}"


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """A reader at work in a folder; in the end no server runs and no module of theirs is loaded."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    one = Reader(folder, {**os.environ, "PATH": path, "PWD": str(folder)})
    before = os.getcwd()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield one
    finally:
        one.close()
        sys.path.remove(str(folder))
        os.chdir(before)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
