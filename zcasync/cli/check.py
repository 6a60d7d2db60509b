"""``zcasync check``: all problems of a home and its configuration at once, and the settings.

With ``--deep`` those of its database, too: see ``audit``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zcasync import import_path
from zcasync.cli.audit import print_walk, walk
from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_NO, EXIT_WRONG
from zcasync.cli.folders import folder_problems, privacy_problems
from zcasync.cli.options import common_options, examples

if TYPE_CHECKING:
    from zcasync.instance.home import Home
    from zcasync.instance.settings import Configuration

#: The first bytes of the file storages that ZODB 6 reads.
FILE_STORAGE_MAGIC = (b"FS21", b"FS30")


@click.command(
    "check",
    short_help="Validate home, configuration and, with --deep, the database.",
    epilog=examples(
        "zcasync check",
        "zcasync check --json",
        "zcasync check --deep",
        "zcasync check --deep --repair",
    ),
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check this file.  [default: etc/zcasync.conf of the home]",
)
@click.option(
    "--deep",
    is_flag=True,
    help="Walk through the database: jobs in no place or in two, wrong counts, broken records.",
)
@click.option("--repair", is_flag=True, help="Set right what --deep finds, where that is possible.")
@common_options
def command(
    config: Path | None,
    deep: bool,
    repair: bool,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Validate the home and its configuration, and list the settings.

    Names every problem at once.  Asks a supervisor that runs which clocks differ from its own, and
    nothing else (zcasync status does).  Of databases it looks at the home's own file only, while
    nobody serves that.  Exit code 2 when there is a problem;
    warnings change nothing.  Of a home that others could have written it reads nothing.

    With --deep it walks through the database instead of listing the settings, while work goes on or
    while no supervisor runs, and takes as long as it takes.  Exit code 1 when it finds something,
    also when --repair has set that right: each in a transaction of its own, whose note says so.
    """
    from zcasync.cli.output import print_json
    from zcasync.instance.home import Home

    if repair and not deep:
        raise click.UsageError("--repair needs --deep", click.get_current_context())
    place = Home.named(home)
    configuration, problems, warnings = _judged(place, config, timeout)
    done = walk(place, timeout, repair) if deep and not problems else None
    is_wrong = bool(problems or (done and done.findings))
    settings = _settings(configuration)
    code = EXIT_WRONG if problems else EXIT_NO if is_wrong else 0
    if as_json:
        found = {"ok": not is_wrong, "problems": problems, "warnings": warnings}
        walked = {} if done is None else {"deep": done.as_dict()}
        document = {"home": str(place.path), **found, "settings": settings}
        failed = _failed(code, problems, done) if code else {}
        print_json({**document, "sockets": str(_sockets(place)), **walked, **failed})
    else:
        _print_check(place, problems, warnings, None if deep else settings)
        if deep:
            print_walk(done)
    return code


def _failed(code: int, problems: list[str], done: Any) -> dict[str, Any]:
    """Return what the document has more where something is wrong."""
    if problems:
        return Ending(code, "Problems", "; ".join(problems), "see the problems").as_dict()
    count, repaired = len(done.findings), len(done.repaired)
    remedy = None if repaired == count else "zcasync check --deep --repair"
    text = f"{count} found in the database, {repaired} of them set right"
    return Ending(code, "Findings", text, remedy).as_dict()


def _judged(
    home: Home, path: Path | None, timeout: float
) -> tuple[Configuration, list[str], list[str]]:
    """Return the configuration of a home, its problems, and what it warns of.

    Of a home that others could have written nothing is read.
    """
    from zcasync.errors import ConfigurationError
    from zcasync.instance.settings import Configuration, Settings, load
    from zcasync.versions import why_unsupported

    configuration = Configuration(Settings())
    unsupported = why_unsupported()
    if unsupported is not None:  # the rest cannot even be loaded, perhaps
        return configuration, [unsupported], []
    from zcasync.database.opening import doubts

    problems, warnings = home.trust_problems(), home.trust_warnings()
    if problems:
        return configuration, problems, warnings
    problems += _home_problems(home)
    try:
        configuration = load(home, path)
    except ConfigurationError as error:
        problems += error.problems
    problems += import_path.problems(configuration.settings.import_path)
    problems += _database_problems(home, configuration, timeout)
    if configuration.is_embedded and home.loss:
        warnings.append(home.loss)
    warnings += _content(home, configuration) + doubts(configuration)
    return configuration, problems, warnings + _clocks(home, timeout)


def _content(home: Home, configuration: Configuration) -> list[str]:
    """Return the content that was called in this worker although it has no application."""
    if configuration.settings.application is not None or not home.content_note.exists():
        return []
    return [home.content_note.read_text(encoding="utf-8", errors="replace")]


def _clocks(home: Home, seconds: float) -> list[str]:
    """Return which clocks differ, as far as the supervisor of the home knows."""
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.reports.workers import ask

    try:
        clocks = ask(home, seconds).get("clocks")
    except (NotRunning, StorageAway):
        return []
    return clocks["warnings"] if clocks else []


def _home_problems(home: Home) -> Iterator[str]:
    """Yield the problems of the folders and the files in them."""
    from zcasync.errors import ConfigurationError
    from zcasync.instanceuuid import readUUID

    try:
        home.require()
    except ConfigurationError as error:
        yield from error.problems
        return
    folders = [home.path, home.path / "etc", home.log, home.var]
    for folder in folders:
        yield from folder_problems(folder)
    for folder in dict.fromkeys((home.var, _sockets(home))):
        yield from privacy_problems(home, folder)
    yield from home.socket_place.problems()
    try:
        readUUID(home.path)
    except ConfigurationError as error:
        yield from error.problems


def _database_problems(home: Home, configuration: Configuration, seconds: float) -> Iterator[str]:
    """Yield the problems of the databases that are found without asking their servers."""
    from ZODB.config import FileStorage, MappingStorage

    from zcasync.instance.main_database import name_of

    if configuration.is_embedded:
        of_file = list(_data_fs_problems(home.data_fs))
        yield from of_file or _record_problems(home, seconds)
    for factory in configuration.databases:
        if isinstance(factory.config.storage, FileStorage | MappingStorage):
            kind = type(factory.config.storage).__name__
            yield (
                f"database {name_of(factory) or 'main'!r} is a {kind}, which only one process can "
                "open, so children cannot: use <zeoclient>, or no <zodb> for a server of our own"
            )


def _data_fs_problems(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}"
        return
    if begin and begin not in FILE_STORAGE_MAGIC:
        yield f"{path} is not a file storage: restore it from a backup"
    elif not os.access(path, os.W_OK):
        yield f"{path} cannot be written by this user"


def _record_problems(home: Home, seconds: float) -> Iterator[str]:
    """Yield the reasons why this version cannot read the records in the home's file.

    Skips a file that a server has open, and one that takes longer to open than ``seconds``.
    """
    from ZODB.POSException import StorageError

    from zcasync.cli.opening import require_quick
    from zcasync.database.client import is_served, open_file_for_reading
    from zcasync.database.sync import connected
    from zcasync.errors import ConfigurationError, NotRunning, StorageAway
    from zcasync.salvage.salvage import find_despite_damage

    try:
        if not home.data_fs.exists() or is_served(home):
            return
        require_quick(home, seconds)
        with closing(open_file_for_reading(home)) as db, connected(db) as connection:
            find_despite_damage(connection)
    except (NotRunning, StorageAway):
        return
    except ConfigurationError as error:
        yield from error.problems
    except (OSError, StorageError) as error:
        yield f"{home.data_fs} cannot be read: {type(error).__name__}: {error}"


def _sockets(home: Home) -> Path:
    return home.control_socket.parent


def _settings(configuration: Configuration) -> dict[str, dict[str, Any]]:
    """Return every setting by its name in the configuration file."""
    defaults = type(configuration.settings)
    return {
        field.name.replace("_", "-"): {
            "value": getattr(configuration.settings, field.name),
            "default": field.default,
            "help": defaults.HELP[field.name],
        }
        for field in dataclasses.fields(defaults)
    }


def _print_check(
    home: Home,
    problems: list[str],
    warnings: list[str],
    settings: dict[str, dict[str, Any]] | None,
) -> None:
    from zcasync.cli.output import print_facts, print_line, print_table

    sockets = _sockets(home)
    elsewhere = f"{sockets} (the path of {home.var} is too long for sockets)"
    print_facts([("Home", home.path), ("Sockets", None if sockets == home.var else elsewhere)])
    for problem in problems:
        print_line(f"PROBLEM: {problem}")
    for warning in warnings:
        print_line(f"WARNING: {warning}")
    if not problems:
        print_line("No problems." if settings else "Home and configuration: no problems.")
    print_line()
    if settings is None:
        return
    rows = [
        (name, _shown(one["value"]), _shown(one["default"]), one["help"])
        for name, one in settings.items()
    ]
    print_table(("SETTING", "VALUE", "DEFAULT", "MEANING"), rows, fold=("MEANING",))


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "unset"
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | str) else f"{value:g}"
