"""The first minute of a user: a package in an empty environment, and one job done with it.

What zcasync needs is installed as ``constraints/run.txt`` has it, with its hashes, then the package
itself without any.  All else happens in an empty folder, so nothing of the checkout can help.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

from tests.supply.constraints import CONSTRAINTS

RUN_TIME = CONSTRAINTS / "run.txt"
#: For one command.
SECONDS = 120
FACTORIAL = "2432902008176640000"
#: Names each module of the package that cannot be imported with what is needed at run time.
#: The plugin for pytest is loaded by pytest, and by nothing else.
IMPORT_ALL = """
import importlib, pkgutil, zcasync
for module in pkgutil.walk_packages(zcasync.__path__, "zcasync."):
    # Others need pytest, or the application that they are for.
    of_applications = ("zcasync.pyramid.", "zcasync.zope.", "zcasync.zcml")
    if module.name != "zcasync.testing.plugin" and not module.name.startswith(of_applications):
        importlib.import_module(module.name)
print("imported", zcasync.__file__)
"""


def run(command: list[str | Path], folder: Path | None = None) -> str:
    """Run a command and return what it printed.

    Raises RuntimeError, with the command and all that it said, where it ends with an error.
    """
    ended = subprocess.run(
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    if ended.returncode:
        said = f"{' '.join(map(str, command))} ended with {ended.returncode}:\n{ended.stdout}"
        raise RuntimeError(said)
    return ended.stdout


def try_out(archive: Path, version: str, wheels: Path) -> None:
    """Install a wheel or a source distribution into an empty environment and have a job done.

    ``wheels`` has the files that ``constraints/run.txt`` lists, so that no network is needed.
    Raises RuntimeError where something does not work.  The environment is removed in any case.
    """
    with tempfile.TemporaryDirectory(prefix="zcasync-trial-") as folder:
        environment = Path(folder) / "environment"
        place = Path(folder) / "elsewhere"
        place.mkdir()
        _install(archive.resolve(), environment, wheels.resolve())
        _look(environment / "bin", place, version)
        _work(environment / "bin" / "zcasync", place)


def _environment() -> dict[str, str]:
    """The variables of this process without those that lead back to a checkout or a home."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PYTHONHOME", "INSTANCE_HOME", "VIRTUAL_ENV"}
    }


def _install(archive: Path, environment: Path, wheels: Path) -> None:
    """Make an environment, without pip, and install what is needed, and the archive."""
    run([sys.executable, "-m", "venv", "--without-pip", environment])
    install: list[str | Path] = [sys.executable, "-m", "pip", "--python"]
    install += [environment / "bin" / "python", "install", "--quiet"]
    install += ["--no-compile", "--no-index"]
    run([*install, "--require-hashes", "--find-links", wheels, "--requirement", RUN_TIME])
    run([*install, "--no-deps", "--no-build-isolation", archive])


def _look(programs: Path, place: Path, version: str) -> None:
    """Fail unless the package is the one that was installed, whole, and twistd has its plugin."""
    _expect(f"zcasync {version}\n", run([programs / "zcasync", "--version"], place))
    _expect("\n    zcasync  ", run([programs / "twistd", "--help"], place))
    _expect("imported ", run([programs / "python", "-I", "-c", IMPORT_ALL], place))


def _work(zcasync: Path, place: Path) -> None:
    """Fail unless a supervisor starts, has a job done, and stops when it is asked to."""
    command = [zcasync, "run", "--home", "home", "--children", "1"]
    with subprocess.Popen(
        command,
        cwd=place,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as supervisor:
        too_long = Timer(SECONDS, supervisor.kill)
        too_long.start()
        try:
            _expect("zcasync ready", _first_words(supervisor))
            put = ["put", "math.factorial", "--arg", "20", "--wait", "--home", "home"]
            _expect(FACTORIAL, run([zcasync, *put], place))
            run([zcasync, "stop", "--home", "home"], place)
            supervisor.communicate()
        finally:
            too_long.cancel()
            supervisor.kill()


def _first_words(supervisor: subprocess.Popen[str]) -> str:
    """Return what a supervisor says until it is ready, or until it is gone."""
    said = ""
    for line in supervisor.stdout or ():
        said += line
        if line.startswith("zcasync ready"):
            break
    return said


def _expect(wanted: str, said: str) -> None:
    if wanted not in said:
        raise RuntimeError(f"expected {wanted!r}, and this was said:\n{said}")
