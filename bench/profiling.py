"""``python -m bench.profiling``: where the time of draining goes, as py-spy sees the processes.

Needs ``pip install py-spy``, and the right to look into one's own processes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench import calls
from bench.place import Place, served

SECONDS = 10
#: Enough jobs for the time that it takes to sample.
JOBS = 15_000
#: Functions with a smaller share, percent, are not shown, and those that are always on the stack.
SHOWN = (4.0, 97.0)


def sample(place: Place, py_spy: str, folder: Path) -> dict[str, Path]:
    """Drain no-ops, and sample the processes meanwhile."""
    place.put(calls.noop, 1)
    status = place.status()
    child = place.children("idle", "busy")[0]["pid"]
    pids = {"supervisor": status["pid"], "child": child, "database server": status["server_pid"]}
    place.manager.thread.put_many([calls.noop] * JOBS)
    place.commit()
    options = ["--duration", str(SECONDS), "--rate", "200", "--format", "raw", "--gil"]
    running, files = [], {}
    for name, pid in pids.items():
        files[name] = folder / name
        command = [py_spy, "record", *options, "--output", os.fspath(files[name])]
        running.append(subprocess.Popen([*command, "--pid", str(pid)], stdout=subprocess.DEVNULL))
    for process in running:
        process.wait()
    place.resize(0)
    return files


def shares(path: Path) -> list[tuple[float, str]]:
    """Percent of the samples in which a function is on the stack, largest first."""
    counts: Counter[str] = Counter()
    total = 0
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        total += int(count)
        for function in {re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")}:
            counts[function] += int(count)
    found = [(100 * count / max(1, total), function) for function, count in counts.most_common()]
    return [one for one in found if SHOWN[0] <= one[0] <= SHOWN[1]]


def main() -> int:
    """Print the shares for each process."""
    py_spy = shutil.which("py-spy", path=os.path.dirname(sys.executable)) or shutil.which("py-spy")
    if py_spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 2
    os.environ["PYTHONPATH"] = os.fspath(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as folder:
        with served() as place:
            files = sample(place, py_spy, Path(folder))
        for name, path in files.items():
            print(f"\n{name}: percent of its samples")
            for share, function in shares(path):
                print(f"{share:6.1f}  {function}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
