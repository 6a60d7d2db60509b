"""``zcasync bench``: a steady load on a running installation, and what became of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli import load_report
from zcasync.cli.bulk import bar
from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_INTERRUPTED, EXIT_NO, Refusal, say
from zcasync.cli.options import Seconds, common_options, examples

if TYPE_CHECKING:
    from zcasync.cli.session import Session
    from zcasync.control.jobs import Job
    from zcasync.instance.home import Home
    from zcasync.load.figures import Figures
    from zcasync.load.mix import Mix
    from zcasync.load.outcomes import Put, Reading
    from zcasync.load.processes import Processes

LOOK_SECONDS = 0.25
#: Supervisors retire what has ended after a moment; what still runs then is asked for so often.
RETIRE_SECONDS = 1.0
REMOVE_TRIES = 5
MOST_CLIENTS = 10_000
LEFT = "zcasync discard --call 'zcasync.load.calls.*'"


@click.command(
    "bench",
    short_help="Put calls at a steady rate, and measure what becomes of them.",
    epilog=examples(
        "zcasync bench --rate 20 --minutes 1",
        "zcasync bench --rate 100 --minutes 5 --mix noop=80,short=15,cpu=5 --clients 50",
        "zcasync bench --rate 50 --json",
    ),
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=100_000),
    default=10.0,
    show_default=True,
    metavar="N",
    help="Put so many calls a second, of all clients together.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    default=1.0,
    show_default=True,
    metavar="M",
    help="Put for so long.",
)
@click.option(
    "--mix",
    default="noop",
    show_default=True,
    metavar="KIND[=WEIGHT],...",
    help="noop: nothing; short: 20 ms of waiting; cpu: 50 ms of the processor; data: 1 KB in and "
    "out.",
)
@click.option(
    "--clients",
    type=click.IntRange(1, MOST_CLIENTS),
    default=8,
    show_default=True,
    metavar="N",
    help="So many connections put, each one call at a time.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="The clients are in so many processes.  [default: as there are cores]",
)
@click.option("--queue", metavar="NAME", default="thread", show_default=True, help="Put there.")
@click.option(
    "--wait",
    type=Seconds(zero=True),
    metavar="SECONDS",
    default=30.0,
    help="Wait so long after the last put for the last jobs to end.  [default: 30]",
)
@common_options
def command(
    rate: float,
    minutes: float,
    mix: str,
    clients: int,
    processes: int | None,
    queue: str,
    wait: float,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Put calls at a steady rate into a running installation, and measure what becomes of them.

    Each put has its moment before the first is made; one that cannot begin then is LATE, and its
    times count from that moment.  PUT is until the commit, START from the commit to the begin of
    the call, RESULT from the moment of the put to the end of the call, by the clock of the worker.
    What has limited it is told with the reasons.  The jobs are removed in the end.  Ctrl-C ends it
    with what was measured so far.

    It is a load like any other: beside an application's jobs it delays them.  Exit code 1 when the
    rate was not kept.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import writing
    from zcasync.instance.home import Home
    from zcasync.load.client import Task

    found = _mix(mix)
    place = Home.find(home)
    puts = max(1, round(rate * minutes * 60))
    task = Task(str(place.path), queue, str(found), rate, puts, clients, timeout)
    with writing(place, timeout) as session:
        _require_puts(session, place, queue, found)
        count = min(clients, processes or os.cpu_count() or 1)
        bench = Bench(session, place, task, count)
        left = _run(bench, wait)
    document = load_report.document(bench.figures, place, queue, found, left, bench.is_interrupted)
    ending = _ending(bench)
    if as_json:
        print_json(document | ({} if ending is None else ending.as_dict()))
    else:
        load_report.print_report(document)
        if left:
            load_report.print_left(left, LEFT)
    return 0 if ending is None else ending.code


def _mix(text: str) -> Mix:
    from zcasync.load.mix import Mix

    try:
        return Mix(text)
    except ValueError as error:
        raise click.UsageError(f"--mix: {error}", click.get_current_context()) from error


def _require_puts(session: Session, home: Home, queue: str, mix: Mix) -> None:
    """Raise what a put of the load would raise here; Refusal where nobody would run it."""
    from zcasync.cli.session import require_manager
    from zcasync.partial import Partial

    def try_out(connection: Any, manager: Any) -> bool:
        try:
            found = require_manager(home, manager).queue(queue)
            for call, arguments in mix.calls():
                found.put(Partial(call, *arguments))
            return bool(found.is_paused)
        finally:
            if connection is not None:
                connection.transaction_manager.abort()

    if session.do(try_out):
        raise Refusal(
            f"queue {queue} is paused, so nothing would run",
            remedy=f"zcasync queue {queue} --resume",
        )


def _run(bench: Bench, wait: float) -> int:
    """Put, wait and remove; return how many jobs are left."""
    try:
        try:
            bench.run(wait)
        except Refusal:
            bench.remove()
            raise
        return bench.remove()
    except KeyboardInterrupt:
        say(f"interrupted; jobs that are left are removed with: {LEFT}")
        raise


def _ending(bench: Bench) -> Ending | None:
    from zcasync.load.limits import is_kept, limits

    if bench.is_interrupted:
        return Ending(EXIT_INTERRUPTED, "Interrupted", "it was interrupted", None)
    if is_kept(bench.figures):
        return None
    first = limits(bench.figures)[0]
    text = f"the rate was not kept: {first.what}: {first.why}"
    return Ending(EXIT_NO, "RateNotKept", text, first.remedy)


@dataclass
class Bench:
    """One load: its puts, its jobs, its figures."""

    session: Session
    home: Home
    task: Any
    processes: int
    puts: list[Put] = field(default_factory=list)
    is_interrupted: bool = False
    figures: Figures = field(init=False)

    def __post_init__(self) -> None:
        from zcasync.load.figures import Figures

        self.figures = Figures(self.task.rate, self.task.clients, self.processes)

    def run(self, wait: float) -> None:
        """Put, and wait for the ends of the jobs; after Ctrl-C only look at them.

        Raises Refusal where the clients have ended by themselves.
        """
        from zcasync.load.outcomes import Reading
        from zcasync.load.processes import Processes
        from zcasync.load.watch import Watch

        with Processes(self.task, self.processes) as processes:
            watch = Watch(self.home, processes.pids)
            self._put(processes, watch)
            reading = Reading(self.puts)
            self._read(reading, 0.0 if self.is_interrupted else wait)
            self.figures.outcomes = reading.end()

    def _put(self, processes: Processes, watch: Any) -> None:
        processes.begin()
        watch.begin()
        with bar("putting", self.task.puts) as told:
            try:
                while not processes.are_over:
                    time.sleep(LOOK_SECONDS)
                    self._hear(processes)
                    processes.check()
                    told(len(self.puts))
            except KeyboardInterrupt:
                self.is_interrupted = True
                processes.end()
                while not processes.are_over:  # a second one is the end of all
                    time.sleep(LOOK_SECONDS)
        self.figures.seen = watch.end()
        self._hear(processes)
        self.figures.note_seconds(self.puts)

    def _hear(self, processes: Processes) -> None:
        for news in processes.news():
            self.puts += self.figures.hear(news)

    def _read(self, reading: Reading, wait: float) -> None:
        until = time.monotonic() + wait
        with bar("waiting for the ends", len(self.puts)) as told:
            try:
                while True:
                    has_ended = self.session.do(reading.read)
                    told(reading.done)
                    if reading.done == len(self.puts) or (
                        not has_ended and time.monotonic() >= until
                    ):
                        return
                    if not has_ended:
                        time.sleep(LOOK_SECONDS)
            except KeyboardInterrupt:
                self.is_interrupted = True

    def remove(self) -> int:
        """Remove the jobs; return how many are left, because they still run."""
        from zcasync.cli import bulk
        from zcasync.cli.discard import discard

        left: list[Job] = [(put.database, put.oid) for put in self.puts]
        for _ in range(REMOVE_TRIES):
            time.sleep(RETIRE_SECONDS)
            verdicts = bulk.run(self.session, left, discard, "removing", dry_run=False)
            left = [job for job, why in verdicts.items() if why and "no job" not in why]
            if not left:
                break
        return len(left)
