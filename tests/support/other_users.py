"""Other users of the machine, which a test that runs as root can become."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support import become
from tests.support.instance import short_folder

#: Two users without a name.
ALICE, BOB = 12345, 12346


@cache
def _why_not() -> str | None:
    """The reason why no process of another user can run here; None: it can."""
    if os.geteuid() != 0:
        return "only root can become another user"
    done = subprocess.run(command_as(BOB, [sys.executable, "-c", "import zcasync"]), **_options())
    return None if done.returncode == 0 else f"another user cannot run Python: {done.stderr}"


#: Of a test that needs no program of another user's, only a process.
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def needs_root(test: Any) -> Any:
    """Mark a test that becomes another user: skipped where that is not possible."""
    return pytest.mark.skipif(_why_not() is not None, reason=str(_why_not()))(test)


def command_as(uid: int, argv: Sequence[object]) -> list[str]:
    """The command line with which root runs ``argv`` as this user."""
    return [sys.executable, become.__file__, str(uid), *map(str, argv)]


def as_user(uid: int, what: Sequence[object] | Callable[[], None], **options: Any) -> Any:
    """Run a command line as another user, and return how it ended, with its output as text.

    A function is called in a process of its own instead, and has to end without an exception; it
    may import nothing that this process has not imported.  ``options``: those of subprocess.run.
    """
    if not callable(what):
        return subprocess.run(command_as(uid, what), **{**_options(), **options})
    pid = os.fork()
    if not pid:
        code = 1
        try:
            become.become(uid)
            what()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return None


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder with a short name that everybody may enter, and only this user may write."""
    with short_folder() as made:
        made.chmod(0o755)
        yield made


def give(path: Path, uid: int) -> None:
    """Make a folder, with all that is in it, or a file another user's."""
    for one in (path, *path.rglob("*")):
        os.chown(one, uid, uid, follow_symlinks=False)


def _options() -> dict[str, Any]:
    """Those of subprocess.run: an environment that leads nobody to the files of this user."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(become.ROOT)}
    return {
        "env": {**variables, "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        "cwd": tempfile.gettempdir(),
        "stdin": subprocess.DEVNULL,
        "capture_output": True,
        "text": True,
        "timeout": 60,
    }
