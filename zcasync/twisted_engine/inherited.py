"""The databases of an application's process as they are described to its children."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import Logger

from zcasync.database.inherited import described, servers_of, why_not
from zcasync.database.sync import main_database
from zcasync.errors import ConfigurationError

log = Logger()


class InheritedDatabases:
    """A database and its companions: those that are there, and those that are opened later.

    ``config_file``: where they could be named instead.  Raises ConfigurationError where children
    could not open one that is there already.
    """

    def __init__(self, db: Any, config_file: Path) -> None:
        self._db = db
        self._config_file = config_file
        try:
            self._servers = servers_of(db)
        except ConfigurationError as error:
            raise ConfigurationError(
                [f"{problem}; {self._remedy}" for problem in error.problems]
            ) from None
        self._seen = set(self._servers)

    @property
    def main(self) -> str:
        """The name of the main one."""
        main = main_database(self._db)
        return str((self._db if main is None else main).database_name)

    @property
    def _remedy(self) -> str:
        return (
            f"name all databases in {self._config_file}, or ask for threads of this process with "
            "InstallTwistedEngine(in_process=True)"
        )

    def servers(self) -> dict[str, Any]:
        """Return what the next child is told.  Logs what has been opened since the last one."""
        later = [one for name, one in list(self._db.databases.items()) if name not in self._seen]
        for one in later:
            self._seen.add(one.database_name)
            log.warn("{line}", line=self._opened_later(one))
        return self._servers

    def _opened_later(self, db: Any) -> str:
        """Take up a database where children can open it; return what to say of it."""
        name, why = db.database_name, why_not(db)
        if why is not None:
            return f"{why}; jobs of its objects fail: {self._remedy}"
        self._servers = {**self._servers, name: described(db)}
        return (
            f"database {name!r} was opened after the engine of this process had begun: children "
            "that began before do not have it, and jobs of its objects fail there; open it before "
            "the first database is announced"
        )
