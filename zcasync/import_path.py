"""The import path: where this process, and the Python processes that it starts, import code from.

Python itself puts the current directory first (``python -m``, ``python -c``), and reads an empty
entry of ``PYTHONPATH`` as the current directory.  Whoever can write there would have code of theirs
run, so nothing of ours imports from it unless somebody has named it.

The package loads this module before any other one, and it needs none that Python has not loaded by
then: each import before the current directory is left is one from there.
"""

import os
import site
import stat
import sys

#: Where the package itself comes from.
_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def python(*arguments: str) -> list[str]:
    """Return the command line of a Python that does not put the current directory first."""
    return [sys.executable, "-P", *arguments]


def environment() -> dict[str, str]:
    """Return the environment for a Python process that is to import what this one can."""
    return {**os.environ, "PYTHONPATH": joined(sys.path)}


def joined(paths: list[str]) -> str:
    """Return a ``PYTHONPATH`` of these folders: absolute, and without an empty entry.

    Where the current directory is gone nothing is imported by relative entries: they are left out.
    """
    found = (_absolute(one) for one in paths if one)
    return os.pathsep.join(dict.fromkeys(one for one in found if one is not None))


def leave_current_directory() -> None:
    """Import nothing more from the current directory, unless it is named.  Safe to repeat.

    Named are the folders of ``PYTHONPATH`` and of packages installed for development, the one that
    this package comes from, and those of the Python installation.
    """
    unnamed = {""}
    try:
        here = os.getcwd()
    except OSError:  # it was removed, or may not be entered: nothing can be imported from it
        pass
    else:
        if not _is_named(here):
            unnamed.add(here)
    sys.path[:] = [one for one in sys.path if one not in unnamed]


def add(folders: tuple[str, ...]) -> None:
    """Import from these folders too, for what is found nowhere else."""
    sys.path += [one for one in dict.fromkeys(folders) if one not in sys.path]


def use(folders: tuple[str, ...]) -> list[str]:
    """Import from these folders too, here and in the processes that are started from here.

    Returns what is wrong with them.
    """
    found = problems(folders)
    add(folders)
    return found


def problems(folders: tuple[str, ...]) -> list[str]:
    """Return what is wrong with folders to import from: missing, or in the hands of others."""
    found = []
    for folder in folders:
        try:
            status = os.stat(folder)
        except OSError as error:
            found.append(f"import-path {folder} cannot be used: {error.strerror}")
            continue
        if not stat.S_ISDIR(status.st_mode):
            found.append(f"import-path {folder} is not a folder")
        elif status.st_uid not in (0, os.geteuid()):
            found.append(
                f"import-path {folder} belongs to another user (uid {status.st_uid}), whose code "
                f"jobs would run: chown -R {os.geteuid()} {folder}"
            )
        elif _others_write(status):
            mode = stat.S_IMODE(status.st_mode)
            found.append(
                f"import-path {folder} can be written by other users (mode {mode:04o}), whose code "
                f"jobs would run: chmod -R go-w {folder}"
            )
    return found


def _absolute(folder: str) -> str | None:
    try:
        return os.path.abspath(folder)
    except OSError:
        return None


def _others_write(status: os.stat_result) -> bool:
    is_shared = status.st_gid != os.getegid()  # many users have a group to themselves
    return bool(status.st_mode & (0o022 if is_shared else 0o002))


def _is_named(folder: str) -> bool:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return (
        folder in {_OWN_FOLDER, *(os.path.abspath(one) for one in entries if one)}
        or any(f"{folder}{os.sep}".startswith(f"{one}{os.sep}") for one in _installation())
        or _is_in_development(folder)
    )


def _installation() -> list[str]:
    """Return the folders of the standard library and of installed packages."""
    return [os.path.dirname(os.__file__), *site.getsitepackages(), site.getusersitepackages()]


def _is_in_development(folder: str) -> bool:
    """Return whether an installed ``.pth`` file names the folder: ``pip install --editable``."""
    for packages in _installation():
        try:
            names = os.listdir(packages)
        except OSError:
            continue
        for name in (one for one in names if one.endswith(".pth")):
            try:
                with open(os.path.join(packages, name), "rb") as file:
                    named = file.read().splitlines()
            except OSError:  # Python has skipped it too
                continue
            if os.fsencode(folder) in named:
                return True
    return False


def _is_located() -> bool:
    """Return whether Python is looking for a module of this package just now, to run it."""
    if sys.argv[:1] != ["-m"]:  # which it is until that is found
        return False
    for number, word in enumerate(sys.orig_argv):
        if word.startswith("-m"):
            module = word[2:] or "".join(sys.orig_argv[number + 1 : number + 2])
            return module.partition(".")[0] == __package__
    return False


if _is_located():
    leave_current_directory()
