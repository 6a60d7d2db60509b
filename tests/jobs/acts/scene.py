"""The scene of an act: the stored objects it plays with, and a folder for its notes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import zope.component
from persistent import Persistent

from tests.jobs.basic import Counter


class Site(Persistent):
    """A persistent local site of an application."""

    def getSiteManager(self) -> Any:
        return zope.component.getGlobalSiteManager()


class Scene(Persistent):
    """What the job of an act is given, and the counters of those beside it in a batch.

    ``counter``: for its effect; ``folder``: the path of one that is there.
    """

    def __init__(self, folder: Path) -> None:
        self.counter = Counter()
        self.before, self.after = Counter(), Counter()
        self.site = Site()
        self.folder = str(folder)

    @property
    def manager(self) -> Any:
        """The transaction manager of the job's connection."""
        return self._p_jar.transaction_manager

    def is_first(self, name: str) -> bool:
        """Whether this is asked for the first time, in any process."""
        try:
            os.close(os.open(f"{self.folder}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def note_process(self, pid: int) -> None:
        """Note the id of a process that the job has left on purpose."""
        Path(self.folder, f"pid-{pid}").touch()

    def note_leftover(self) -> None:
        """Note that this process has something of a job from now on."""
        Path(self.folder, f"left-{os.getpid()}").touch()

    def noted_processes(self) -> list[int]:
        """The ids of those."""
        return [int(path.name.partition("-")[2]) for path in Path(self.folder).glob("pid-*")]
