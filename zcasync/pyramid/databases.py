"""The databases that an application names with ``zodbconn.uri`` and ``zodbconn.uri.NAME``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import ZConfig
import zodburi
from ZODB import DB
from ZODB.config import BlobStorage, DemoStorage, FileStorage, MappingStorage, getStorageSchema

from zcasync.errors import ConfigurationError

#: The settings, as pyramid_zodbconn has them.
MAIN, NAMED = "zodbconn.uri", "zodbconn.uri."
#: Storages of one process: by the scheme of a URI, and by the class of a section.
OF_ONE_PROCESS = ("memory", "file", "demo")
SECTIONS_OF_ONE_PROCESS = (FileStorage, MappingStorage, DemoStorage)
#: The options in the URI of a ZEO server that are yes or no, and those that only zodburi knows.
FLAGS = {
    "shared_blob_dir",
    "wait",
    "read_only",
    "read_only_fallback",
    "drop_cache_rather_verify",
}
NO_SECTION_KEY = {"debug", "wait_for_server_on_startup", "wait_timeout"}
DEFAULT_PORT = 9991


class Factory(NamedTuple):
    """A storage that nothing but a function is known of."""

    open: Callable[[], Any]


@dataclass
class Config:
    """The part of a database's section that those who open it look at, and may replace."""

    storage: Any
    database_name: str
    class_factory: Any = None


@dataclass
class UriDatabase:
    """A database as a section of ZODB's schema, with the name that pyramid_zodbconn gives it.

    That of the main one is '': references from other databases have it.
    """

    name: str
    config: Config
    options: dict[str, Any] = field(default_factory=dict)

    def open(self, databases: Any = None) -> DB:
        """Open it as one of these.  Raises what its storage raises."""
        storage = self.config.storage.open()
        options = {**self.options, "database_name": self.name}
        try:
            return DB(storage, databases=databases, **options)
        except BaseException:
            storage.close()
            raise


def databases(settings: dict[str, str]) -> tuple[UriDatabase, ...]:
    """Return the databases that settings name, the main one first.

    Raises ConfigurationError, with every problem.
    """
    uris = dict(_uris(settings))
    if not uris:
        return ()
    if "" not in uris:
        raise ConfigurationError(f"there is no {MAIN}, which names the main database")
    found, problems = [], []
    for name, uri in uris.items():
        try:
            found.append(_database(name, uri))
        except ConfigurationError as error:
            problems += [f"{setting(name)}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def _uris(settings: dict[str, str]) -> Iterator[tuple[str, str]]:
    if settings.get(MAIN):
        yield "", settings[MAIN].strip()
    for key in sorted(settings):
        if key.startswith(NAMED) and key != NAMED:
            yield key.removeprefix(NAMED), settings[key].strip()


def setting(name: str) -> str:
    """Return the name of the setting that has the URI of a database."""
    return NAMED + name if name else MAIN


def _database(name: str, uri: str) -> UriDatabase:
    scheme = uri.partition(":")[0]
    if scheme in OF_ONE_PROCESS:
        raise ConfigurationError(_of_one_process(f"a {scheme} storage"))
    try:
        opening, options = zodburi.resolve_uri(uri)
        storage = _storage(scheme, uri, opening)
    except zodburi.NoResolverForScheme as error:
        raise ConfigurationError(
            f"no installed package knows URIs that begin with {scheme!r}: is it a slip of the pen, "
            "or is one missing here that the application has (RelStorage, for instance)?"
        ) from error
    except (KeyError, ValueError, TypeError, OSError, ZConfig.ConfigurationError) as error:
        text = " ".join(str(error).replace(uri, "it").split())
        raise ConfigurationError(f"cannot be used: {type(error).__name__}: {text}") from error
    _require_shared(storage)
    return UriDatabase(name, Config(storage, name), options)


def _storage(scheme: str, uri: str, opening: Callable[[], Any]) -> Any:
    """Return the storage of a URI as a section of ZODB's schema, where it has one."""
    if scheme == "zeo":
        return _client_section(uri)
    if scheme == "zconfig":
        return opening.__self__  # type: ignore[attr-defined]  # the section in that file
    return Factory(opening)


def _client_section(uri: str) -> Any:
    """Return the section of the client of a ZEO server, for which zodburi has a function only."""
    parts = urlsplit(uri.replace("zeo://", "http://", 1))
    if parts.netloc:
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        server = f"{host}:{parts.port or DEFAULT_PORT}"
    else:
        server = parts.path
    options = dict(parse_qsl(parts.query))
    if "demostorage" in options:
        raise ConfigurationError(_of_one_process("a storage with changes of its own"))
    lines = [f"server {_escaped(server)}"]
    for key, value in options.items():
        if key not in NO_SECTION_KEY and not re.match("connection_|database_name", key):
            text = ("true" if int(value) else "false") if key in FLAGS else _escaped(value)
            lines.append(f"{key.replace('_', '-')} {text}")
    text = "\n".join(["<zeoclient>", *lines, "</zeoclient>", ""])
    config, _ = ZConfig.loadConfigFile(getStorageSchema(), StringIO(text))
    return config.storage


def _escaped(value: str) -> str:
    """Return a value for a line of ZConfig's.  Raises ValueError for one of several lines."""
    if len(value.splitlines()) > 1:
        raise ValueError("a value has a line break in it")
    return value.replace("$", "$$")


def _require_shared(section: Any) -> None:
    """Raise ConfigurationError for a storage that one process has for itself."""
    if isinstance(section, BlobStorage):
        _require_shared(section.config.base)
    if isinstance(section, SECTIONS_OF_ONE_PROCESS):
        raise ConfigurationError(_of_one_process(f"a {type(section).__name__}"))


def _of_one_process(kind: str) -> str:
    return (
        f"{kind} can be opened by one process at a time, and jobs run in several: have a ZEO "
        "server serve it, and name that here, as zeo://localhost:9991 or zeo:///path/to/socket"
    )
