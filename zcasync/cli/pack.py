"""``zcasync pack``: the removal of all from the database that is no longer needed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any

import click

from zcasync.cli.errors import EXIT_WRONG, Refusal
from zcasync.cli.options import Days, common_options, examples

LOOK_SECONDS = 0.5


@click.command(
    "pack",
    short_help="Drop old revisions and what nothing refers to.",
    epilog=examples("zcasync pack --days 7"),
)
@click.option(
    "--days",
    type=Days(),
    default=1.0,
    metavar="N",
    help="Keep the revisions of the last N days.  [default: 1]",
)
@common_options
def command(days: float, home: str | None, timeout: float, as_json: bool) -> None:
    """Drop old revisions from the database, and objects that nothing refers to.

    Goes through the database server when a supervisor runs, while work goes on; else to the file
    itself.  Takes as long as it takes: --timeout is for reaching the database.  The supervisor
    packs the embedded database by itself, see the setting pack-days.
    """
    from zcasync.cli.output import print_json, print_line, size
    from zcasync.cli.session import Session
    from zcasync.instance.home import Home
    from zcasync.instance.own_files import closed_umask

    place = Home.find(home)
    place.require()
    opener, through = _how(place)
    began = time.monotonic()
    with closed_umask():  # the packed file is a new one
        session = Session(place, timeout, opener)
        try:
            if through != "file":  # opening the file may take long, too
                session.do(_require_one)
            before, after = _see_through(session.begin(lambda db, _: _pack(db, days, place)), place)
        except BaseException:
            session.leave()
            raise
        session.close()
    seconds = time.monotonic() - began
    if as_json:
        found = {"before": before, "after": after, "seconds": seconds}
        print_json({"home": str(place.path), "through": through, "days": days, **found})
    else:
        print_line(f"packed in {seconds:.1f} s: {size(before)}, now {size(after)}")


def _how(home: Any) -> tuple[Callable[[Any, float], Any], str]:
    """Return an opener of the database, and its kind: "server", "file", "configured database"."""
    from zcasync.database.client import is_served
    from zcasync.instance.settings import load

    if not load(home).is_embedded:
        return _client, "configured database"
    if is_served(home):
        return _client, "server"
    if not home.data_fs.exists():
        raise Refusal(f"there is no database in {home.path} yet: nothing to pack")
    return _file, "file"


def _client(home: Any, timeout: float) -> Any:
    from zcasync.database.client import open_client

    return open_client(home.path, timeout)


def _file(home: Any, timeout: float) -> Any:
    from zcasync.cli.opening import open_file_to_write

    return open_file_to_write(home)


def _require_one(connection: Any, manager: Any) -> None:
    """Raise Refusal where a pack could lose objects."""
    names = sorted(connection.db().databases)
    if len(names) > 1:
        raise Refusal(
            f"the databases {' and '.join(map(repr, names))} refer to each other, and a pack looks "
            "at one of them only: set pack-gc false in the server's configuration and pack them "
            "there (zeopack, zodbpack)",
            EXIT_WRONG,
            "set pack-gc false in the server's configuration and pack them there",
        )


def _pack(connection: Any, days: float, home: Any) -> tuple[int, int]:
    """Pack; return the sizes before and after, bytes."""
    from ZODB.POSException import StorageError

    from zcasync.database.pack_note import ALREADY, ALREADY_RELATIONAL, noted
    from zcasync.database.packing import drop_old, note_packed
    from zcasync.instance.settings import load

    db = connection.db()
    is_embedded = load(home).is_embedded

    def size() -> int:
        return int(home.data_fs.stat().st_size if is_embedded else db.getSize())

    before = size()
    try:
        with noted(home) if is_embedded else nullcontext():
            db.pack(days=days)
    except StorageError as error:
        if ALREADY not in str(error) and ALREADY_RELATIONAL not in str(error):
            raise
        raise Refusal(f"somebody else packs the database of {home.path} just now") from error
    if is_embedded:
        drop_old(home)
        note_packed(home)
    return before, size()


def _see_through(packing: Future[tuple[int, int]], home: Any) -> tuple[int, int]:
    """Wait for the end of the pack, and show its progress on a terminal."""
    began = time.monotonic()
    shows = sys.stderr.isatty()
    try:
        while True:
            try:
                return packing.result(LOOK_SECONDS)
            except TimeoutError:
                if packing.done():
                    raise
            if shows:
                print(f"\r{_progress(home, began)}", end="", file=sys.stderr, flush=True)
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _progress(home: Any, began: float) -> str:
    """Return one line about the progress: the packed file grows beside the old one."""
    from zcasync.cli.output import size
    from zcasync.database.packing import packed_file

    said = f"packing, {time.monotonic() - began:.0f} s"
    try:
        written = packed_file(home.data_fs).stat().st_size
        whole = home.data_fs.stat().st_size
    except OSError:
        return f"{said} ..."
    return f"{said}: {size(written)} written, {size(whole)} before ..."
