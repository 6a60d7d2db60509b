"""The Python stacks of this process, for operators who want to know what it is at."""

from __future__ import annotations

import faulthandler
import tempfile
import threading


def stacks_of_threads() -> str:
    """Return the stack of each thread, the innermost call first; '': there is no room for it.

    It is the interpreter that writes them, so no thread has to do anything for it.
    """
    try:
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            text = file.read().decode("utf-8", "replace").rstrip("\n")
    except OSError:
        return ""
    for one in threading.enumerate():
        text = text.replace(f"0x{one.ident or 0:016x}", f"{one.name!r}")
    return text
