"""The package as users get it: ``PYTHON -m tests.supply.package FOLDER WHEELS``.

It builds a source distribution and a wheel into FOLDER and tries them out.  PYTHON is the one of an
environment with what ``constraints/package.txt`` lists, WHEELS a folder with the files of
``constraints/run.txt``; ``make package`` makes both.  The source distribution is built from what
git has, the wheel from the source distribution: nothing else that lies in the checkout gets in.
The exit code is 1 where one of them lacks a file, has one too many, is described in a way that an
index would refuse, or does not work where nothing but ``constraints/run.txt`` is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.supply.constraints import ROOT
from tests.supply.trial import run, try_out

#: What is tracked and of no use without git.
OF_GIT = {".gitignore"}
#: What setuptools adds to a source distribution, and to a wheel.
ADDED = ("PKG-INFO", "setup.cfg", "zcasync.egg-info/")
DESCRIBED = "zcasync-{version}.dist-info/"
PLUGIN = "twisted/plugins/zcasync_plugin.py"


def tracked() -> list[str]:
    """Return the paths of the files that git has, as they are in the checkout now."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def copy_tracked(folder: Path) -> None:
    """Copy what git has to a folder: what else lies in a checkout could get into a build."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)


def in_sdist(archive: Path) -> set[str]:
    """Return the files of a source distribution, as they are called in the repository."""
    with tarfile.open(archive) as tar:
        return {member.name.partition("/")[2] for member in tar if not member.isdir()}


def in_wheel(archive: Path) -> set[str]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(archive) as wheel:
        return set(wheel.namelist())


def sdist_faults(found: set[str]) -> list[str]:
    """Return what a source distribution lacks, or has too much of: links, for instance."""
    links = {name for name in tracked() if (ROOT / name).is_symlink()}
    return _faults("sdist", found, set(tracked()) - links - OF_GIT, ADDED)


def wheel_faults(found: set[str], version: str) -> list[str]:
    """Return what a wheel lacks of the folder ``zcasync``, or has too much of."""
    expected = {name for name in tracked() if name.startswith("zcasync/")} | {PLUGIN}
    return _faults("wheel", found, expected, (DESCRIBED.format(version=version),))


def _faults(what: str, found: set[str], expected: set[str], added: tuple[str, ...]) -> list[str]:
    """Return a line for each difference."""
    more = {name for name in found - expected if not name.startswith(added)}
    return [
        *(f"{what}: {name} is missing" for name in sorted(expected - found)),
        *(f"{what}: {name} does not belong there" for name in sorted(more)),
    ]


def build(folder: Path) -> tuple[Path, Path]:
    """Build both into a folder, which has nothing else then; returns their paths.

    The tools come from this environment, not from a new one, for which nobody checks hashes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copy:
        copy_tracked(Path(copy))
        run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, copy])
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def faults_of(sdist: Path, wheel: Path, wheels: Path) -> list[str]:
    """Return a line for each thing that is wrong; tools and trials work side by side."""
    version = wheel.name.split("-")[1]
    twine = [sys.executable, "-m", "twine", "check", "--strict", sdist, wheel]
    manifest = [sys.executable, "-m", "check_manifest", "--no-build-isolation", ROOT]
    with ThreadPoolExecutor() as threads:
        tools = [threads.submit(run, command) for command in (twine, manifest)]
        trials = [threads.submit(try_out, archive, version, wheels) for archive in (wheel, sdist)]
    problems = [one.exception() for one in [*tools, *trials]]
    return [
        *sdist_faults(in_sdist(sdist)),
        *wheel_faults(in_wheel(wheel), version),
        *(str(problem) for problem in problems if problem is not None),
    ]


def main(folder: Path, wheels: Path) -> int:
    """Build both into a folder and print what is wrong with them; returns the exit code."""
    if (ROOT / "PKG-INFO").exists():
        print("SKIPPED: this is a source distribution; git knows what belongs into one")
        return 0
    sdist, wheel = build(folder)
    faults = faults_of(sdist, wheel, wheels)
    for line in faults:
        print(line)
    if not faults:
        sizes = (f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)" for path in (wheel, sdist))
        print(f"built and tried in empty environments: {', '.join(sizes)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
