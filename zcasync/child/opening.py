"""The databases of a child, as its specification names them."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import Any

from zcasync.application.process import CHILD, Process
from zcasync.database.opening import apply_settings, open_databases, open_servers
from zcasync.instance import own_files, settings
from zcasync.instance.home import Home
from zcasync.protocol.child_spec import ChildSpec


class ChildDatabases:
    """The databases that a specification names."""

    def __init__(self, spec: ChildSpec) -> None:
        self._spec = spec

    @cached_property
    def _home(self) -> Home:
        return Home.find(self._spec.home)

    @cached_property
    def configuration(self) -> settings.Configuration:
        """The configuration.  Raises ConfigurationError."""
        path = None if self._spec.config is None else Path(self._spec.config)
        return settings.load(self._home, path, self._spec.application)

    def process(self, main: Any) -> Process:
        """Return what the application is told of this process.  Raises ConfigurationError."""
        return Process(CHILD, self._home.path, main, self.configuration.settings)

    def note_content(self, text: str) -> None:
        """Have ``zcasync check`` tell of content that is called without an application."""
        with contextlib.suppress(OSError):  # a full disk is no reason to end the job
            own_files.replace(self._home.content_note, text)

    def open(self) -> Any:
        """Open the databases and return the main one.  Raises what that raises."""
        timeout = self._spec.storage_timeout
        if self._spec.servers is None:
            return open_databases(self._home, self.configuration, timeout)
        db = open_servers(self._spec.servers, timeout, self._spec.main)
        apply_settings(db, self.configuration, self._home)
        return db
