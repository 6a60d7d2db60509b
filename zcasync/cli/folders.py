"""The problems of a home's folders: missing rights, and rights that others have."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zcasync.instance.home import Home


def folder_problems(folder: Path) -> Iterator[str]:
    """Yield the problems of a folder.  A missing folder is none: a start makes it."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"{folder} cannot be looked at: {error}"
        return
    if not stat.S_ISDIR(found.st_mode):
        yield f"{folder} is not a folder"
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield f"{folder} cannot be read and written by this user"


def privacy_problems(home: Home, folder: Path) -> Iterator[str]:
    """Yield the problems of a folder that has sockets in it, and has to be closed to others."""
    is_ours = folder == home.var  # it may be a link, and whose it is was judged before
    try:
        found = folder.stat() if is_ours else folder.lstat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        if not is_ours:
            yield f"{folder} is not a folder"
    elif not is_ours and found.st_uid != os.getuid():
        yield f"{folder} belongs to another user (uid {found.st_uid})"
    elif mode & ~home.closed_mode(found):
        yield (
            f"{folder} is open to other users (mode {mode:04o}), who could reach its sockets: "
            f"chmod 700 {folder}"
        )
