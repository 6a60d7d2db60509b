"""Settings: the options of a supervisor, with defaults, read from ``etc/zcasync.conf``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import ZConfig

from zcasync.application.configuration import with_application
from zcasync.certificates import load_schema
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.instance.main_database import main_of, name_of
from zcasync.interfaces import ASYNC_DATABASE as ASYNC_DATABASE
from zcasync.relstorage.opening import is_section, missing, problems_of


@dataclass(frozen=True)
class Settings:
    """Validated settings.  None: the worker's record decides, or the limit does not exist.

    Durations are seconds, except ``keep_completed``, ``keep_failed``, ``set_aside_limit`` and
    ``pack_days``: days.
    """

    main_database: str | None = None
    children: int | None = None
    queues: str | None = None
    max_children: int = 100
    poll_seconds: float | None = None
    ping_interval: float | None = None
    ping_death_interval: float | None = None
    grace_period: float = 25.0
    boot_timeout: float = 120.0
    load_timeout: float = 120.0
    soft_limit: float | None = None
    hard_limit: float | None = None
    storage_timeout: float = 30.0
    zeo_heartbeat: float = 20.0
    output_lines: int = 1000
    log: str = "file"
    log_format: str = "text"
    transaction_timeout: float = 60.0
    spare: bool = True
    max_jobs: int = 10_000
    max_age: float = 24 * 3600.0
    isolate: str = "none"
    recycle_memory: int | None = None
    memory_limit: int | None = None
    frozen_timeout: float = 60.0
    keep_completed: float = 7.0
    keep_failed: float = 30.0
    max_completed: int = 1_000_000
    max_failed: int = 100_000
    set_aside_limit: float = 7.0
    pack_days: float = 7.0
    import_path: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    resolve_conflicts: tuple[str, ...] = ()
    application: str | None = None
    databases: str | None = None
    ephemeral: bool = False

    HELP: ClassVar[dict[str, str]] = {
        "main_database": "the name of the main one of several <zodb> sections (unset: main, or "
        "the one without a name)",
        "children": "thread jobs at once; written to worker.thread.size (unset: the record says)",
        "queues": "the queues whose jobs are performed here, some with how many at once: "
        "mail:2,thread (*: all; unset: the worker's record says, all of a new one)",
        "max_children": "no more children than this, and a spare, whatever the record says",
        "poll_seconds": "longest pause between two polls (unset: the worker's record, 5)",
        "ping_interval": "a working engine writes at least this often (unset: the record, 20)",
        "ping_death_interval": "so much later than promised is dead (unset: the record, 20)",
        "grace_period": "running jobs may finish within this time when the supervisor stops",
        "boot_timeout": "a child that is not ready by then is killed",
        "load_timeout": "a child that has not loaded a job's code or values by then is ended",
        "soft_limit": "a call that runs for longer gets a SoftTimeLimit raised in it (unset: none)",
        "hard_limit": "a call that runs for longer is ended with its process (unset: none)",
        "storage_timeout": "how long to wait for the database at a start",
        "zeo_heartbeat": "a ZEO server at a port that answers nothing for so long is given up and "
        "connected to again (0: never)",
        "output_lines": "lines of a job's output that reach the log; the last 20 are always kept",
        "log": "file: log/zcasync.log of the home, or twistd's log; -: standard error, no file",
        "log_format": "text, or json: one object in each line of the log, for programs",
        "transaction_timeout": "the embedded database server drops a commit that hangs so long",
        "spare": "keep one more child booted, which takes the place of one that ends",
        "max_jobs": "a child is replaced after about so many jobs (0: never)",
        "max_age": "a child is replaced after about this time",
        "isolate": "job: each thread job has a child of its own, which is booted for it (none: no)",
        "recycle_memory": "a child that keeps more after a job is replaced: 300MB (unset: never)",
        "memory_limit": "a child that takes more is killed with its job: 1GB (unset: never)",
        "frozen_timeout": "a child that a signal has stopped for so long is killed",
        "keep_completed": "completed jobs can be looked at for so many days, and up to a day more",
        "keep_failed": "failed jobs can be looked at and retried for so many days, if that is more",
        "max_completed": "so many completed jobs of a worker are kept, the newest (0: any number)",
        "max_failed": "so many failed ones are kept for longer than the others (0: any number)",
        "set_aside_limit": "a job whose code is not there waits for it so many days, then it fails",
        "pack_days": "the embedded database is packed after so many days (0: zcasync pack does it)",
        "import_path": "a folder to import jobs from, besides PYTHONPATH; once for each folder",
        "allow": "only callables below this dotted name, or `entry-points GROUP` (unset: all)",
        "resolve_conflicts": "classes, or modules of them, whose conflicts the embedded database "
        "server resolves besides those of BTrees",
        "application": "what sets the application up in each process that performs calls: "
        "zcasync.zope:Application etc/zope.conf, no secret, as ps shows it (unset: nothing does)",
        "databases": "application: its configuration says which, no <zodb> does (unset: that of "
        "zcasync.zope and zcasync.pyramid does, no other)",
        "ephemeral": "the worker's record is removed when its supervisor has stopped or died, and "
        "nothing is claimed: for containers, each with a home of its own",
    }

    @property
    def isolates_jobs(self) -> bool:
        """True where each thread job is to have a child of its own."""
        return self.isolate == "job"


@dataclass(frozen=True)
class Configuration:
    """Settings, and how to open the databases; ``databases`` empty: the embedded default.

    ``note``: what a supervisor says of them in its log when it starts.
    """

    settings: Settings
    databases: tuple[Any, ...] = ()
    note: str | None = None

    @property
    def is_embedded(self) -> bool:
        """True when the database server belongs to the supervisor."""
        return not self.databases

    def with_settings(self, **values: Any) -> Configuration:
        """Return the configuration with some settings replaced; None leaves one as it is.

        Raises ConfigurationError for values that are out of range.
        """
        given = {name: value for name, value in values.items() if value is not None}
        problems = [
            f"{name} must not be negative: {value}"
            for name, value in given.items()
            if isinstance(value, int | float) and value < 0
        ]
        if problems:
            raise ConfigurationError(problems)
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **given))

    @property
    def has_second(self) -> bool:
        """True when the data manager lives in a database of its own."""
        return any(name_of(one) == ASYNC_DATABASE for one in self.databases)

    @property
    def main_database(self) -> Any:
        """The section of the main database; there is none with the embedded default.

        Raises ValueError where it is not known which it is.
        """
        return main_of(self.databases, self.settings.main_database)


def load(home: Home, path: Path | None = None, application: str | None = None) -> Configuration:
    """Return the configuration of a home, or of the file at ``path``.

    ``application``: in place of the setting, None: as that says.  Raises ConfigurationError, with
    every problem, for a file that cannot be read or used, for a home that others could have
    written, and for an application that cannot say which databases it has.
    """
    chosen, loaded = path or home.config_file, Configuration(Settings())
    if path is not None or (chosen.exists() and home.is_there()):
        loaded = _from_home(_read(chosen), home)
    loaded = with_application(loaded, home.path, application)
    _check_databases(chosen, loaded)
    _keep_caches_at_home(home, loaded)
    return loaded


def _read(chosen: Path) -> Configuration:
    schema = load_schema(str(Path(__file__).with_name("schema.xml")))
    try:
        text = chosen.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{chosen} cannot be read: {error}") from error
    try:
        found: Configuration = ZConfig.loadConfigFile(
            schema, StringIO(text), chosen.absolute().as_uri()
        )[0]
    except (ZConfig.ConfigurationError, ValueError) as error:
        raise ConfigurationError(f"{chosen}: {missing(_one_line(error))}") from error
    return found


def _from_home(loaded: Configuration, home: Home) -> Configuration:
    """Return the configuration with the paths in it absolute, which are those from the home on."""
    paths = tuple(os.path.abspath(home.path / one) for one in loaded.settings.import_path)
    settings = dataclasses.replace(loaded.settings, import_path=paths)
    return dataclasses.replace(loaded, settings=settings)


def _check_databases(path: Path, loaded: Configuration) -> None:
    names = [name_of(one) for one in loaded.databases]
    problems = [
        f"{path}: there are two databases named {name or '(no name)'!r}"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    problems += [
        f"{path}: the section of database {name_of(one) or 'main'!r} names no storage"
        for one in loaded.databases
        if one.config.storage is None
    ]
    storages = [part for one in loaded.databases for part in _sections(one.config.storage)]
    relational = problems_of(one for one in storages if is_section(one))
    problems += [f"{path}: {problem}" for problem in relational]
    if not problems and (names or loaded.settings.main_database is not None):
        try:
            main_of(loaded.databases, loaded.settings.main_database)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigurationError(problems)


def _keep_caches_at_home(home: Home, loaded: Configuration) -> None:
    """Let a ZEO client with a cache on disk that names no folder for it have it in ``var``.

    ZEO takes the current directory, where another user may have laid down a cache: records.
    """
    for one in loaded.databases:
        for section in _sections(one.config.storage):
            if getattr(section.config, "client", None) and not section.config.var:
                section.config.var = str(home.var)


def _sections(storage: Any) -> Iterator[Any]:
    """Yield the section of a storage, and those of the storages in it.

    One that is not made as ZODB's are has no ``config``, and nothing is known of it.
    """
    config = getattr(storage, "config", None)
    if config is None or not hasattr(config, "getSectionAttributes"):
        return
    yield storage
    for name in config.getSectionAttributes():
        found = getattr(config, name)
        for inner in found if isinstance(found, list) else [found]:
            yield from _sections(inner)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def section(found: Any) -> Settings:
    """Return the ``<zcasync>`` section as Settings.  Raises ValueError for limits out of order."""
    names = [field.name for field in dataclasses.fields(Settings)]
    values = {name: getattr(found, name) for name in names}
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    made = Settings(**{name: value for name, value in values.items() if value is not None})
    soft, hard = made.soft_limit, made.hard_limit
    if soft is not None and hard is not None and soft >= hard:
        raise ValueError(f"soft-limit ({soft:g} s) must be less than hard-limit ({hard:g} s)")
    return made


def configuration(found: Any) -> Configuration:
    """Return the whole file as a Configuration."""
    return Configuration(found.supervisor or Settings(), tuple(found.databases))
