"""SetUp: the application of a process, set up once; the same for those that have none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from twisted.logger import Logger

from zcasync.application.content import ContentWatch, note_nothing
from zcasync.application.named import ApplicationName
from zcasync.application.process import Process, setting_up
from zcasync.errors import FOREIGN_CODE

log = Logger()


class SetUp:
    """The application of this process; ``name`` None: it has none."""

    def __init__(
        self, name: ApplicationName | None, note: Callable[[str], None] = note_nothing
    ) -> None:
        self.name = name
        self.has_begun = False
        self._content = ContentWatch(note)
        self._application: Any = None
        self._job: Any = None

    @property
    def wraps_jobs(self) -> bool:
        """True where the application is to be asked for a context manager for each call."""
        return self._job is not None

    @classmethod
    def of(cls, text: str | None, note: Callable[[str], None] = note_nothing) -> SetUp:
        """Return that of a setting; ``note``: see ContentWatch.  Raises ValueError."""
        return cls(None if text is None else ApplicationName.of(text), note)

    def begin(self, process: Process) -> None:
        """Set the application up.  Raises what that raises."""
        if self.name is None:
            return
        self.has_begun = True
        with setting_up(self.name.dotted):
            self._application = self.name.find()(process, *self.name.arguments)
        self._job = getattr(self._application, "job", None)

    def around(self, partial: Any) -> AbstractContextManager[Any] | None:
        """Return what the application has around the call of a partial; None: nothing.

        Raises what the application raises.
        """
        if self._job is None:
            if self.name is None:
                self._content.look(partial)
            return None
        return self._job(partial, partial._p_jar)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the application; what that raises is logged.  Safe to repeat."""
        close = getattr(self._application, "close", None)
        self._application = self._job = None
        if close is None:
            return
        try:
            close()
        except FOREIGN_CODE:  # the process ends, whatever its application says of that
            log.failure(
                "the application {name} could not be closed", name=self.name and self.name.dotted
            )
