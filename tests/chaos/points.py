"""The named points: every commit of the path claim, run, complete, retire, and how to hit it.

And the two messages of that path: here is a job for you, and it is done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Where torment/sitecustomize.py is, for PYTHONPATH.
TORMENT = Path(__file__).parent / "torment"
VARIABLE = "ZCASYNC_TORMENT"
#: The file with the pid of a server that is no Python process.
SERVER_VARIABLE = "ZCASYNC_TORMENT_SERVER"

#: role -> what it commits.  In a supervisor, job to complete are those of reactor jobs.
COMMITS = {
    "child": [
        *["job", "group", "callback", "complete", "own", "checkpoint"],
        *["failure", "start", "reschedule", "settle", "quota_release"],
    ],
    "supervisor": [
        *["begin", "claim", "quota_acquire", "retire", "recover", "tick", "burial", "end"],
        *["job", "callback", "complete", "failure", "start", "settle"],
    ],
}
#: Before the vote; between vote and finish, when the server is locked; after the finish.
MOMENTS = ["before", "voted", "finished"]
#: role -> what it says to the other one.
MESSAGES = {"child": "Ended", "supervisor": "Perform"}
#: Before it is said; after it is written to the pipe.
MOMENTS_OF_MESSAGES = ["before", "finished"]
#: In a server besides: in the finish, when nothing is written yet that makes the commit count.
FINISHING = "finishing"
#: In a server whose disk is full: when a vote has failed, before anything is done about it.
FAILED = "failed"


@dataclass(frozen=True)
class Point:
    """One place in one kind of commit, or message, of one kind of process."""

    role: str
    commit: str
    moment: str

    @property
    def needs_a_death(self) -> bool:
        """Whether this commit is only made because something has ended."""
        return self.commit in ("begin", "recover", "burial", "end")

    def __str__(self) -> str:
        return f"{self.role}.{self.commit}.{self.moment}"


POINTS = [
    Point(role, commit, moment)
    for role, commits in COMMITS.items()
    for commit in commits
    for moment in MOMENTS
] + [
    Point(role, message, moment)
    for role, message in MESSAGES.items()
    for moment in MOMENTS_OF_MESSAGES
]


class Traps:
    """The folder of the traps, see torment/sitecustomize.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._armed = folder / "armed"
        self._sprung = folder / "sprung"
        for each in (self._armed, self._sprung):
            each.mkdir(parents=True)

    def arm(self, point: Point | str, action: str) -> str:
        """Set a trap; its name."""
        name = f"{point}.{action}"
        (self._armed / name).touch()
        return name

    def disarm(self, name: str) -> bool:
        """Take a trap away; False when it was sprung already."""
        try:
            os.unlink(self._armed / name)
        except FileNotFoundError:
            return False
        return True

    def armed(self) -> list[str]:
        """The names of those that nobody has sprung yet."""
        return sorted(os.listdir(self._armed))

    def sprung(self, name: str) -> bool:
        """Whether somebody sprang a trap of this name."""
        return any(self._sprung.glob(f"{name}.*"))

    def take(self, name: str) -> int:
        """Take a trap that was sprung away; the pid of the process that did it."""
        path = next(self._sprung.glob(f"{name}.*"))
        path.unlink()
        return int(path.suffix[1:])

    def take_all(self) -> list[tuple[str, int]]:
        """All that were sprung, with the pids."""
        found = [path.name.rsplit(".", 1) for path in self._sprung.iterdir()]
        return [(name, self.take(name)) for name, _ in found]
