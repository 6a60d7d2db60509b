"""Other users of the machine, which a test that runs as root can become."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

import pytest

#: A user without a name.
ALICE = 12345

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(uid: int, what: Callable[[], None]) -> None:
    """Call a function in a process of another user's; it has to end without an exception.

    It may import nothing that this process has not imported.
    """
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            what()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
