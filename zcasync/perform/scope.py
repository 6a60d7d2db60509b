"""Scope: what an application has around one attempt at a call with its commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from twisted.logger import Logger

from zcasync.errors import FOREIGN_CODE
from zcasync.job.ids import id_of
from zcasync.text import message_of

log = Logger()

#: What is called, its arguments, its keyword arguments.
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

#: So much of the message of a context that could not be left stands beside the job's own error.
NOTE_CHARACTERS = 500


class Scope:
    """The context of one attempt, used in a ``with`` block, in which it is entered for a partial.

    What ends the attempt passes through it, and is never kept back.  A context that cannot be left
    changes nothing of what the job has come to by then: that is logged, and is a note of its error.
    """

    def __init__(self) -> None:
        self._context: AbstractContextManager[Any] | None = None
        self._partial: Any = None
        self._entered: Any = None

    def enter(self, partial: Any, context: AbstractContextManager[Any] | None, call: Call) -> Call:
        """Enter the application's context; return the call as that has it.

        ``context`` None: it has none.  Raises what it raises: the job's error.
        """
        if context is None:
            return call
        self._entered = entered = context.__enter__()
        self._context, self._partial = context, partial
        prepare = getattr(entered, "prepare_call", None)
        return call if prepare is None else prepare(*call)  # type: ignore[no-any-return]

    def take(self, partial: Any, value: Any) -> Any:
        """Return a call's value as the application has it stored.  Raises what that raises."""
        keep = getattr(self._entered, "keep_result", None)
        return value if keep is None else keep(partial, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context, self._context, self._entered = self._context, None, None
        if context is None:
            return
        try:
            context.__exit__(kind, error, traceback)
        except FOREIGN_CODE as raised:
            if raised is error:
                return
            text = f"{type(raised).__name__}: {message_of(raised)[:NOTE_CHARACTERS]}"
            log.failure("the context of job {job} could not be left", job=id_of(self._partial))
            if error is not None:
                error.add_note(f"What the application has around it has failed, too: {text}")
