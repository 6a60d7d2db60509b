"""The demo's output to the person who watches it: sentences, a progress bar, tables."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from zcasync.demo.counting import PlainCount, Totals
from zcasync.demo.index import Index
from zcasync.demo.jobs import Job
from zcasync.demo.source import Portion
from zcasync.instance.home import Home
from zcasync.text import printable

WIDTH = 100
SLOWEST = 5
TOP_FILES = 3


def make_console() -> Console:
    """Return a console that is no wider than the terminal and no wider than a page."""
    console = Console(highlight=False)
    console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    return console


class Meter:
    """A progress meter: a bar on a terminal, else a line at every quarter."""

    def __init__(self, console: Console, what: str, unit: str, total: int) -> None:
        self._console, self._what, self._unit, self._total = console, what, unit, total
        self._began = time.monotonic()
        self._done = self._quarter = 0
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(what, total=total)

    def __enter__(self) -> Meter:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @property
    def seconds(self) -> float:
        """The seconds since the meter was made."""
        return time.monotonic() - self._began

    def advance(self) -> None:
        """Count one more as done."""
        self.show(self._done + 1)

    def show(self, done: int) -> None:
        """Show this number as done."""
        self._done = done
        self._progress.update(self._task, completed=done)
        quarter = 4 * done // self._total if self._total else 4
        if quarter > self._quarter and not self._console.is_terminal:
            line = f"  {self._what}: {done} of {self._total} {self._unit}, {self.seconds:.1f} s"
            self._console.print(line, soft_wrap=True)
        self._quarter = max(quarter, self._quarter)


class Report:
    """The parts of the demo's output; each method prints one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = 0

    def say(self, text: str) -> None:
        """Print a sentence; rich's markup counts."""
        self._console.print(Padding(printable(text), (0, 0, 0, 2), expand=False))

    def step(self, title: str) -> None:
        """Print the heading of a step."""
        self._step += 1
        self._console.print(f"\n[bold]{self._step}. {title}[/]")

    def meter(self, what: str, unit: str, total: int) -> Meter:
        """Return a progress meter."""
        return Meter(self._console, what, unit, total)

    def opening(self, root: Path, portions: list[Portion]) -> None:
        """Print the work that the demo is going to do."""
        files = sum(len(portion.files) for portion in portions)
        size = sum(portion.size for portion in portions) / 1e6
        self._console.print(
            "[bold]zcasync demo[/]: durable jobs index the source of Python's standard library"
        )
        self.say(f"Python {platform.python_version()}, {escape(str(root))}")
        self.say(
            f"Every source file below it counts, its tests too, site-packages not: "
            f"{files:,} files, {size:.1f} MB."
        )

    def tour_begins(self) -> None:
        """Print what the tour is."""
        self._console.print("[bold]zcasync demo --tour[/]: what can be said of a job, each once")

    def tour_ends(self, went_well: bool) -> None:
        """Print whether all did what it should."""
        if went_well:
            self._console.print("\n[bold green]All of it did what it says.[/]")
        else:
            self._console.print("\n[bold red]Not all of it did what it says.[/]")

    def served(self, home: Home, status: dict[str, Any], *, temporary: bool, own: bool) -> None:
        """Print the home, the supervisor and the children."""
        kind = "a temporary one, removed at the end" if temporary else "stays as it is"
        self.say(f"Home: {escape(str(home.path))} ({kind}).")
        children = [child for child in status["children"] if child["state"] != "spare"]
        pids = ", ".join(str(child["pid"]) for child in children) or "none"
        whose = "started for this demo" if own else "was running already"
        self.say(f"Supervisor: process {status['pid']}, {whose}.  Children: {pids}.")

    def put(self, count: int, root_key: str) -> None:
        """Print the number of jobs that were put."""
        self.say(
            f"{count} jobs are in the queue.  Each indexes its files into a record of its own "
            f'below root["{root_key}"].'
        )

    def interrupted(self, jobs: list[Job]) -> None:
        """Print the history of the jobs that lost their child."""
        for job in jobs:
            self.say(
                f"Job {job.id}, {escape(job.portion.label)}: begun {job.partial.attempts}x, "
                f"interrupted {job.interruptions}x, stored once."
            )
        if not jobs:
            self.say("No child could be killed in the middle of a job: nothing was interrupted.")

    def failed(self, problems: list[str]) -> None:
        """Print the first jobs that ended with an error."""
        self.say(f"[bold red]{len(problems)} jobs failed.[/]  The first ones:")
        for problem in problems[:SLOWEST]:
            self.say(escape(problem))

    def times(self, jobs: float, plain: float) -> None:
        """Print the seconds of both ways."""
        self.say(f"The jobs took {jobs:.1f} s, the plain count {plain:.1f} s.")

    def supervisor_said(self, lines: list[str]) -> None:
        """Print the last lines of a supervisor that has failed."""
        self.say("[bold red]The supervisor is in trouble.[/]  Its last lines:")
        for line in lines or ["(nothing)"]:
            self.say(f"  {escape(line)}")

    def stopped(self, home: str | None) -> None:
        """Print that the demo was interrupted, and what stays."""
        self.say("Interrupted.  What the demo had started is stopped.")
        if home is not None:
            self.say("Jobs that it had put stay in the home's database and run with a supervisor.")

    def closing(self, agree: bool) -> None:
        """Print whether both counts agree."""
        if agree:
            self._console.print("\n[bold green]Every file was counted exactly once.[/]")
        else:
            self._console.print("\n[bold red]The jobs and the plain count do not agree.[/]")

    def slowest(self, jobs: list[Job]) -> None:
        """Print the jobs that took longest."""
        table = _table("job", "indexed", "files>", "lines>", "kB>", "begun>", "seconds>")
        for job in jobs:
            totals = job.batch.totals()
            begun = f"{job.partial.attempts}x"
            cells = [f"{totals.files:,}", f"{totals.lines:,}", f"{job.portion.size / 1e3:,.0f}"]
            label = escape(printable(job.portion.label))
            table.add_row(job.id, label, *cells, begun, f"{job.seconds:.2f}")
        self._console.print(table)

    def lookups(self, index: Index, tokens: list[str]) -> dict[str, int]:
        """Print the files that mention these tokens; return the number of files for each."""
        table = _table("token", "files>", "lines>", f"top {TOP_FILES} (lines)")
        began = time.monotonic()
        found = {}
        for token in tokens:
            mentions = index.lookup(token)
            found[token] = len(mentions)
            names = [f"{printable(one.name)} ({one.lines})" for one in mentions[:TOP_FILES]]
            top = "\n".join(names)
            lines = sum(one.lines for one in mentions)
            table.add_row(token, f"{len(mentions):,}", f"{lines:,}", escape(top))
        self.say(f"{len(tokens)} answers in {time.monotonic() - began:.2f} s.")
        self._console.print(table)
        return found

    def comparison(self, stored: Totals, found: dict[str, int], plain: PlainCount) -> bool:
        """Print both counts side by side; return whether they agree."""
        rows = [
            ("files counted", stored.files, plain.totals.files),
            ("lines", stored.lines, plain.totals.lines),
            ("tokens (names and keywords)", stored.tokens, plain.totals.tokens),
            ("files skipped, not valid Python", stored.skipped, plain.totals.skipped),
        ]
        rows += [
            (f"files that mention {token}", found[token], plain.files_with[token])
            for token in found
        ]
        table = _table("", "jobs>", "plain count>", "")
        for name, ours, theirs in rows:
            verdict = "[green]OK[/]" if ours == theirs else "[bold red]DIFFERENT[/]"
            table.add_row(name, f"{ours:,}", f"{theirs:,}", verdict)
        self._console.print(table)
        return all(ours == theirs for _, ours, theirs in rows)


def _table(*titles: str) -> Table:
    """Return a plain table; a title that ends in ``>`` heads a column of numbers."""
    table = Table(box=None, pad_edge=True, padding=(0, 1), header_style="dim")
    for title in titles:
        name = title.rstrip(">")
        table.add_column(name, justify="right" if title != name else "left")
    return table
