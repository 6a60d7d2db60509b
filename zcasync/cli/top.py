"""``zcasync top``: a live view of queues, workers and jobs."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from zcasync.cli.options import examples, home_option, timeout_option

if TYPE_CHECKING:
    from rich.console import Console

    from zcasync.instance.home import Home

QUIT = ("q", "Q", "\x03", "\x04")
WIDTH_WITHOUT_TERMINAL = 100


@click.command("top", short_help="Watch queues, workers and jobs.", epilog=examples("zcasync top"))
@home_option
@timeout_option
def command(home: str | None, timeout: float) -> int:
    """Watch queues, workers, the jobs at work and those that have just ended; q ends it.

    What is shown is drawn again when something is committed, and every second.  Where there is no
    terminal one picture is printed.
    """
    from zcasync.cli import terminal
    from zcasync.instance.home import Home

    place = Home.find(home)
    place.require()
    if terminal.is_live():
        return _watch(place, timeout)
    _print_once(place, timeout)
    return 0


def _watch(place: Home, timeout: float) -> int:
    """Draw pictures until the user leaves; return the exit code."""
    from rich.live import Live

    from zcasync.cli.feed import LONGEST_SECONDS, Feed
    from zcasync.cli.picture import draw
    from zcasync.cli.terminal import Terminal, closing_is_leaving

    with closing_is_leaving(), Terminal() as terminal:
        feed = Feed(place, timeout, terminal.wake)
        feed.start()
        console = _console(None)
        try:
            with Live(
                console=console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live:
                while terminal.ended is None and feed.error is None:
                    live.update(draw(feed.picture, *console.size), refresh=True)
                    if any(key in QUIT for key in terminal.wait(LONGEST_SECONDS)):
                        break
        except KeyboardInterrupt:
            pass  # that is how one leaves
        finally:
            feed.stop()
        if feed.error is not None:
            raise feed.error
        return terminal.ended or 0


def _print_once(place: Home, timeout: float) -> None:
    from zcasync.cli.feed import Feed
    from zcasync.cli.picture import draw

    feed = Feed(place, timeout, lambda: None)
    try:
        picture = feed.make()
    finally:
        feed.stop()
    width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
    _console(width).print(draw(picture, width, None))


def _console(width: int | None) -> Console:
    """Return where pictures go; ``width`` None: that of the terminal, whatever becomes of it."""
    from rich.console import Console

    from zcasync.cli.output import has_colour

    colour = has_colour(sys.stdout)
    return Console(
        file=sys.stdout,
        width=width,
        highlight=False,
        force_terminal=width is None,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
