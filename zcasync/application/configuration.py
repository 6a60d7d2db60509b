"""The settings of an application: its name, and the databases that its own configuration names."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

from zcasync import import_path
from zcasync.application.named import ApplicationName
from zcasync.errors import FOREIGN_CODE, ConfigurationError
from zcasync.text import message_of

C = TypeVar("C")
#: Of an application that is no setting.
GIVEN_ONLY = (
    "the application {name} is given by --application alone, and other commands know neither it "
    "nor databases that it brings: write `application {name}` into <zcasync> of etc/zcasync.conf"
)


def application(text: str) -> str:
    """Return the name of an application with its arguments.  Raises ValueError."""
    return ApplicationName.of(text).as_text()


def databases(text: str) -> str:
    """Return ``application``.  Raises ValueError."""
    if text != "application":
        raise ValueError(f"{text!r} is not application, the only one that is known here")
    return text


def with_application(configuration: C, home: Path, text: str | None = None) -> C:
    """Return a configuration with the databases of its application, where that brings some.

    ``text``: an application in place of the configured one.  Raises ConfigurationError.
    """
    found: Any = configuration
    if text is not None:
        found = _with(found, text)
    if found.settings.application is None:
        return configuration
    name = ApplicationName.of(found.settings.application)
    if not name.is_own and found.settings.databases is None:
        return found  # type: ignore[no-any-return]
    import_path.add(found.settings.import_path)
    try:
        brought = _databases(name, home, is_asked=found.settings.databases is not None)
    except ConfigurationError:
        raise
    except FOREIGN_CODE as error:  # all that an application and its configuration may raise
        raise ConfigurationError(
            f"the application {name.as_text()} cannot say which databases it has: "
            f"{type(error).__name__}: {' '.join(message_of(error).split())}"
        ) from error
    _require_once(name, found.databases, brought)
    return _brought(found, brought)  # type: ignore[no-any-return]


def _with(configuration: Any, text: str) -> Any:
    try:
        settings = dataclasses.replace(configuration.settings, application=application(text))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    note = (
        None if settings == configuration.settings else GIVEN_ONLY.format(name=settings.application)
    )
    return dataclasses.replace(configuration, settings=settings, note=note)


def _brought(configuration: Any, brought: tuple[Any, ...]) -> Any:
    """Return a configuration with more databases: the first is the main one if none is marked."""
    settings = configuration.settings
    if brought and settings.main_database is None:
        settings = dataclasses.replace(settings, main_database=brought[0].name)
    databases = (*brought, *configuration.databases)
    return dataclasses.replace(configuration, settings=settings, databases=databases)


def _databases(name: ApplicationName, home: Path, is_asked: bool) -> tuple[Any, ...]:
    say = getattr(name.find(), "databases", None)
    if say is not None:
        return tuple(say(home, *name.arguments))
    if is_asked:
        raise ConfigurationError(
            f"the application {name.dotted} brings no databases: it has no databases(home)"
        )
    return ()


def _require_once(name: ApplicationName, own: Any, brought: tuple[Any, ...]) -> None:
    names = {one.name for one in brought}
    problems = [
        f"database {one.name or 'main'!r} is in etc/zcasync.conf and in the configuration of the "
        f"application {name.dotted}: leave it out here"
        for one in own
        if one.name in names
    ]
    if problems:
        raise ConfigurationError(problems)
