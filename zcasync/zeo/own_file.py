"""A database server whose file was replaced or removed: it takes no more commits, and ends.

A file storage goes on with the file that it has open, wherever that is by then.  Without a name it
lasts as long as the process, and with it everything that was committed meanwhile; where a backup
was copied over its content, the next commit spoils that.  So the server compares the file that it
has open with what is at its path, once a second and before it confirms a commit.  A pack, which
renames files too, goes through the storage, which has the new file open then.  A server whose owner
looks after the file's folder goes on where that was moved with the file in it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ZODB.FileStorage import FileStorage
from ZODB.FileStorage.FileStorage import packed_version as MAGIC
from ZODB.utils import u64

log = logging.getLogger(__name__)

#: The exit code of a server whose file was replaced or removed.
EXIT_FILE_REPLACED = 76

#: The pause between two comparisons, seconds.
LOOK_SECONDS = 1.0


def last_commit(fd: int, size: int) -> tuple[int, bytes]:
    """Return the place and the id of the transaction that ends at ``size``.

    The id is shorter where there is none: the file is empty, or cut off.
    """
    if size <= len(MAGIC):
        return 0, b""
    length = os.pread(fd, 8, size - 8)  # of the transaction in front of it
    if len(length) < 8 or u64(length) > size - 8:
        return 0, b""
    place = size - 8 - u64(length)
    return place, os.pread(fd, 8, place)


class OwnFile:
    """The file of one storage; ``end(code)`` ends the process.

    ``may_move``: its folder may be moved, as long as nothing is at its path instead.
    """

    def __init__(
        self,
        name: str,
        storage: FileStorage,
        end: Callable[[int], None] = os._exit,
        *,
        may_move: bool = False,
    ) -> None:
        self._path = os.path.abspath(storage.getName())
        folder = os.path.dirname(self._path)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if may_move else None
        self._name = name
        self._storage = storage
        self._end = end
        self._is_closed = False
        self._open: Any = None  # the file that the storage had open at the last look
        self._identity = (0, 0)
        self._size = -1
        self._last = (0, b"")  # see last_commit()

    def watch(self, loop: Any) -> None:
        """Compare from now on: in this event loop, and at both ends of each commit."""
        begin, finish = self._storage.tpc_begin, self._storage.tpc_finish

        def tpc_begin(*args: Any, **options: Any) -> Any:
            self._require(self._content_problem)
            return begin(*args, **options)

        def tpc_finish(*args: Any, **options: Any) -> Any:
            tid: bytes = finish(*args, **options)
            self._note_commit(tid)
            self._require(self._place_problem)  # what was written elsewhere is not to be confirmed
            return tid

        self._storage.tpc_begin, self._storage.tpc_finish = tpc_begin, tpc_finish
        self.check()

        def look() -> None:
            if not self._is_closed:
                self.check()
                loop.call_later(LOOK_SECONDS, look)

        loop.call_soon_threadsafe(loop.call_later, LOOK_SECONDS, look)

    def close(self) -> None:
        """Compare no more.  Safe to repeat."""
        self._is_closed = True
        if self._folder is None:
            return
        if self._has_moved():  # what is written at the end, the index, belongs beside the file
            with contextlib.suppress(OSError):  # Linux only
                folder = os.readlink(f"/proc/self/fd/{self._folder}")
                self._storage.__name__ = os.path.join(folder, os.path.basename(self._path))
        os.close(self._folder)
        self._folder = None

    def check(self) -> None:
        """End the process unless the storage's file is the one at its path, as it was written."""
        self._require(self._place_problem)
        self._require(self._content_problem)

    def _require(self, problem: Callable[[], str | None]) -> None:
        with self._storage._lock:  # a pack gives the storage another file
            if self._is_closed:
                return
            self._note_file()
            found = problem()
            if found is not None:
                self._leave(found)

    def _note_file(self) -> None:
        """Note what the storage has open, and what it has written last."""
        file, size = self._storage._file, self._storage.getSize()
        if file is not self._open:
            own = os.fstat(file.fileno())
            self._open, self._identity = file, (own.st_dev, own.st_ino)
            self._size = -1
        if size != self._size:
            self._size, self._last = size, last_commit(file.fileno(), size)

    def _note_commit(self, tid: bytes) -> None:
        """Note a commit that was just written, behind all that was there when it began."""
        size = self._storage.getSize()
        if size > self._size:
            self._size, self._last = size, (self._size, tid)

    def _place_problem(self) -> str | None:
        """Return what is wrong with the path; None: nothing, or it cannot be examined."""
        try:
            there = os.stat(self._storage.getName())
        except FileNotFoundError:
            return None if self._has_moved() else "removed"
        except OSError:  # a folder that cannot be read just now is no proof
            return None
        if (there.st_dev, there.st_ino) != self._identity:
            return "replaced"
        return "cut off" if there.st_size < self._size else None

    def _has_moved(self) -> bool:
        """Return whether the file is in its folder, wherever that is now, and may be there."""
        if self._folder is None:
            return False
        try:
            there = os.stat(os.path.basename(self._path), dir_fd=self._folder)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == self._identity

    def _content_problem(self) -> str | None:
        """Return what is wrong with the file's end; None: nothing."""
        place, tid = self._last
        is_there = not tid or os.pread(self._open.fileno(), 8, place) == tid
        return None if is_there else "overwritten"

    def _leave(self, problem: str) -> None:
        kept = self._keep()
        log.critical(
            "storage %r: %s was %s under its running server, which takes no more commits and ends; "
            "%swhoever starts it again serves what is there now",
            self._name,
            self._storage.getName(),
            problem,
            f"what it held until now is in {kept}; " if kept else "",
        )
        self._end(EXIT_FILE_REPLACED)

    def _keep(self) -> Path | None:
        """Copy the file where it has no name left and there is room; return where it is then."""
        fd, size = self._storage._file.fileno(), self._storage.getSize()
        path = Path(self._storage.getName())
        if os.fstat(fd).st_nlink:
            return None
        with contextlib.suppress(OSError):  # then it cannot be helped
            if shutil.disk_usage(path.parent).free > 2 * size:
                kept = path.with_name(f"{path.name}.unlinked-{os.getpid()}")
                with kept.open("xb") as target:
                    _copy(fd, target.fileno(), size)
                    os.fsync(target.fileno())
                return kept
        return None


def _copy(source: int, target: int, size: int) -> None:
    """Copy the beginning of a file, without moving its position."""
    done = 0
    while done < size:
        block = os.pread(source, min(2**20, size - done), done)
        if not block:
            return
        done += os.write(target, block)
