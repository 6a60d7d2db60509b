"""``python -m bench``: measures, shows how far it is, prints the table, writes a JSON file."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from bench import report
from bench.measures import LONG, NAMES, run
from bench.rows import Row
from bench.scale import FULL, QUICK

ROOT = Path(__file__).resolve().parent.parent


class Progress:
    """One line at a terminal, in which the newest news replaces what was there."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._is_shown = sys.stderr.isatty()

    def say(self, what: str) -> None:
        """Show what is being done."""
        if self._is_shown:
            seconds = time.monotonic() - self._began
            print(f"\r\033[K{seconds:4.0f} s  {what}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Make room for the table."""
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [*NAMES, *LONG]
    only = f"this measure alone; may be repeated: {', '.join(names)}"
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", default=[], help=only
    )
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="FILE",
        help="only the starts of jobs, on the embedded default and, in turn, on the storage of "
        "this etc/zcasync.conf: a database that may be filled",
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    return parser.parse_args()


def main() -> int:
    """Measure; the exit code is 1 when something that must hold does not, 0 for a quick look."""
    options = arguments()
    # The children of our supervisors import bench.calls.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [os.fspath(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    before = report.load()
    progress = Progress()
    found: dict[str, list[Row]] = {}
    print(report.heading())
    scale = QUICK if options.quick else FULL
    beside = None if options.beside is None else options.beside.read_text()
    for name, rows in run(options.only or NAMES, scale, progress.say, beside):
        found[name] = rows
        progress.clear()
        print("\n".join(report.line(report.cells(row)) for row in rows), flush=True)
    every = [row for rows in found.values() for row in rows]
    for row in every:
        if row.unknown:
            print(f"? {row.name}: {row.unknown}")
    if before > report.BUSY:
        print(f"The machine was busy before (load {before:.1f} a core): trust ratios only.")
    if options.json:
        report.write(options.json, report.machine(before), found)
    return int(not options.quick and any(row.verdict == "NO" for row in every))


if __name__ == "__main__":
    sys.exit(main())
