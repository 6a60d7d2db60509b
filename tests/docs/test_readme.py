"""The README does what it says: its files are written, its commands run, its output compared."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(
    r"^\.\. code-block:: (?P<kind>\w+)\n(?:    :name: (?P<name>\S+)\n)?\n"
    r"(?P<body>(?:    .*\n|\n)+)",
    re.MULTILINE,
)
SECONDS = 120


def blocks(text: str) -> list[tuple[str, str | None, str]]:
    """The code blocks: kind, name, text without its indentation."""
    return [
        (found["kind"], found["name"], re.sub(r"^    ", "", found["body"], flags=re.MULTILINE))
        for found in BLOCK.finditer(text)
    ]


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown for it."""
    pairs: list[tuple[str, str]] = []
    for line in block.strip().splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        else:
            command, shown = pairs[-1]
            pairs[-1] = (command, f"{shown}{line}\n")
    return pairs


def matches(shown: str, output: str) -> bool:
    """Whether the output is what is shown, where ``...`` stands for anything."""
    pattern = ".*".join(map(re.escape, shown.strip().split("...")))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


class Shell:
    """Runs commands in a folder, keeps what ``export`` sets, and runs a supervisor beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.supervisor: subprocess.Popen[str] | None = None
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path, "PWD": str(folder)}

    def run(self, command: str, shown: str) -> None:
        """Run one command and compare its output."""
        if command.startswith("export "):
            name, value = command.removeprefix("export ").split("=")
            self.env[name] = value.replace("$PWD", str(self.folder))
        elif command.startswith("zcasync run"):
            self.start(command, shown)
        else:
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=self.folder,
                env=self.env,
                text=True,
                capture_output=True,
                timeout=SECONDS,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert not shown or matches(shown, done.stdout), (command, shown, done.stdout)

    def start(self, command: str, shown: str) -> None:
        """Run the supervisor until :meth:`close`."""
        self.supervisor = subprocess.Popen(
            command.split(), cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE
        )
        assert self.supervisor.stdout is not None
        assert matches(shown, self.supervisor.stdout.readline())

    def close(self) -> None:
        """Stop the supervisor if no command has."""
        if self.supervisor is not None:
            self.supervisor.terminate()
            assert self.supervisor.wait(SECONDS) == 0
            assert self.supervisor.stdout is not None
            self.supervisor.stdout.close()


@pytest.fixture
def shell(tmp_path: Path):
    """A shell in an empty folder."""
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def test_the_readme_works_as_pasted(shell: Shell) -> None:
    ran = []
    for kind, name, body in blocks((ROOT / "README.rst").read_text()):
        if kind == "python":
            assert name, body
            (shell.folder / name).write_text(body)
        else:
            for command, shown in commands(body):
                if not command.startswith("make "):
                    shell.run(command, shown)
                    ran.append(command)
    assert len(ran) >= 8


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for kind, _, body in blocks((ROOT / "README.rst").read_text()):
        if kind == "console":
            for command, _ in commands(body):
                if command.startswith("make "):
                    assert command.split()[1] in targets
