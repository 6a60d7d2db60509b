"""A guard against imports of the application in processes that are not to make its calls.

Every Python process that has this folder on its ``PYTHONPATH`` imports this module when it starts;
the product's code knows nothing of it.  In a supervisor, and in a command that reads or writes
jobs, the import of a module of the tests, which are the application here, fails, and is noted in
the file that ``ZCASYNC_IMPORT_GUARD`` names.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

APPLICATION = "tests"
NOTES = os.environ.get("ZCASYNC_IMPORT_GUARD")
#: A frame of one of these is there where a call is made, or put, in such a process, or where its
#: configuration says ``%import`` or ``application``, and where that application is set up.
CALLS = (
    "zcasync/supervisor/reactor_jobs.py",
    "zcasync/cli/put.py",
    "ZConfig/cfgparser.py",
    "zcasync/application/named.py",
    "zcasync/application/setup.py",
    "zcasync/zope/boot.py",
)


class Guard:
    """Finds no module, and refuses those of the application."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ImportError for a module of the application, where no call is made."""
        if name.partition(".")[0] != APPLICATION:
            return
        stack = traceback.extract_stack()
        if any(frame.filename.endswith(CALLS) for frame in stack):
            return
        with open(str(NOTES), "a") as notes:
            notes.write(f"{sys.orig_argv} imports {name}\n{''.join(traceback.format_stack())}\n")
        raise ImportError(f"{name} belongs to the application")


def is_to_load_nothing() -> bool:
    """Return whether this process is a supervisor or a command."""
    return any(
        argument in ("zcasync.cli.main", "zcasync") or argument.endswith("/zcasync")
        for argument in sys.orig_argv[1:]
    )


if NOTES and is_to_load_nothing():
    sys.meta_path.insert(0, Guard())  # type: ignore[arg-type]
