"""Want of memory: whom the kernel is to kill, and whether it did, by the counter of our cgroup."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

#: The counter of each version of cgroups: file system type, controller, file.
COUNTERS = (("cgroup2", "", "memory.events"), ("cgroup", "memory", "memory.oom_control"))
FIELD = "oom_kill "


#: Added to how much of the memory a child has, thousandths, when the kernel looks for a victim.
CHILD_SCORE = 500


def expose(pid: int) -> None:
    """Let the kernel kill this child before its supervisor and the database server.

    A killed process takes a moment to free its memory, and meanwhile the kernel may kill one more:
    with the supervisor all children would be gone.
    """
    with suppress(OSError):  # not Linux, or gone already
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(CHILD_SCORE))


class OutOfMemory:
    """Watches how often the kernel has killed in the cgroup of this process and its children.

    Where there is no such counter it never grows: then nothing is reported, rather than guessed.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        self._file = counter_file(process)
        self._last = self._before_last = self._read()

    def look(self) -> None:
        """Remember the counter.  Called now and then, lest an old kill explains a later death."""
        self._before_last, self._last = self._last, self._read()

    def has_killed(self) -> bool:
        """Return whether the counter has grown since the last but one ``look``.

        True once for each kill.

        A process that had much memory takes a moment to end.
        """
        if self._read() <= self._before_last:
            return False
        self._before_last += 1
        self._last = max(self._last, self._before_last)
        return True

    def _read(self) -> int:
        if self._file is None:
            return 0
        try:
            lines = self._file.read_text().splitlines()
        except OSError:  # the cgroup was moved or removed around us
            return 0
        return sum(int(line[len(FIELD) :]) for line in lines if line.startswith(FIELD))


def counter_file(process: Path) -> Path | None:
    """Return the file that counts for this process (a folder of /proc); None without one."""
    try:
        cgroups = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:  # not Linux
        return None
    for kind, controller, name in COUNTERS:
        path = _path_of(cgroups, controller)
        for root, point in _mounts_of(mounts, kind, controller):
            top = root.rstrip("/")  # a container may see a part of the hierarchy only
            if path is not None and f"{path}/".startswith(f"{top}/"):
                found = Path(point + path[len(top) :], name)
                if found.exists():
                    return found
    return None


def _path_of(cgroups: list[str], controller: str) -> str | None:
    """Return the process's cgroup in the hierarchy of a controller ('': the unified one)."""
    for line in cgroups:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def _mounts_of(mounts: list[str], kind: str, controller: str) -> list[tuple[str, str]]:
    """Return the mounts of a hierarchy: pairs of (root within the hierarchy, mount point)."""
    found = []
    for line in mounts:
        before, _, after = line.partition(" - ")
        file_system, _, options = after.split(" ", 2)
        if file_system == kind and (not controller or controller in options.split(",")):
            fields = before.split(" ")
            found.append((fields[3], fields[4]))
    return found
