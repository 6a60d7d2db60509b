"""Failures that can be stored: without live frames, and loadable wherever zcasync is installed."""

from __future__ import annotations

import builtins
import os
from types import TracebackType
from typing import Any

from twisted.python import log
from twisted.python.failure import Failure
from twisted.python.reflect import qual

from zcasync import errors
from zcasync.errors import AbortedError, ForeignError
from zcasync.job.library_exceptions import library_class
from zcasync.job.traceback_text import MESSAGE_LIMIT_CHARACTERS, traceback_text
from zcasync.text import message_of, printable, shorten
from zcasync.unpublished import Unpublished

#: A longer traceback keeps its beginning and its end.
TRACEBACK_LIMIT_CHARACTERS = 60_000
#: Our functions that make the call of a partial: the traceback begins below them.
CALLERS = ("call_here", "call_with_manager")
#: Arguments of these types can be loaded everywhere.
PLAIN = (str, int, float, bool, bytes, type(None))


class StoredFailure(Unpublished, Failure):
    """A Failure reduced to what can be stored.

    ``type`` is the class for builtins and zcasync's own exceptions, so that ``check`` and ``trap``
    work with it.  For every other exception a dotted name is stored, and ``value`` is a
    ForeignError; where it is one of a library that zcasync stands on, ``type`` is the class again.
    ``check`` accepts classes and dotted names in both cases.  ``evidence`` is a dict of what else
    is known, for instance how a child process died; what that wrote last, its ``output``, stands
    behind the traceback.
    """

    text: str
    evidence: dict[str, Any]

    def __init__(
        self,
        type_: type[BaseException] | str,
        value: BaseException,
        parents: list[str],
        text: str,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        self.__dict__.update(_restored(type_, value, parents, text, evidence or {}))

    @property
    def type_name(self) -> str:
        """The dotted name of the exception's class."""
        kind: Any = self.type
        return kind if isinstance(kind, str) else qual(kind)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = self.type_name if library_class(self.type_name) else self.type
        return (StoredFailure, (kind, self.value, self.parents, self.text, self.evidence))

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        self.__dict__.update(state or {})

    def __repr__(self) -> str:
        return printable(f"<{qual(Failure)} {self.type_name}: {self.getErrorMessage()}>")

    def check(self, *errorTypes: Any) -> Any:
        """Return the first type that matches, as Twisted's; SystemExit and its like count too."""
        for wanted in errorTypes:
            is_class = isinstance(wanted, type) and issubclass(wanted, BaseException)
            if (qual(wanted) if is_class else wanted) in self.parents:
                return wanted
        return None

    def cleanFailure(self) -> None:
        """Do nothing: no frames are held."""

    def printTraceback(
        self, file: Any = None, elideFrameworkCode: Any = False, detail: str = "default"
    ) -> None:
        """Write the traceback as it was when the failure was stored; ``brief``: one line.

        Where a child was killed, its Python stack and its last output follow.
        """
        if file is None:
            file = log.logerr
        if detail == "brief":
            file.write(f"Traceback: {self.type_name}: {self.getErrorMessage()}\n")
        else:
            file.write(self.text + _last_output(self.evidence))


def _last_output(evidence: dict[str, Any]) -> str:
    """Return what a killed child wrote last, its Python stack among it; '' for other failures."""
    lines = evidence.get("output")
    if not lines:
        return ""
    how = evidence.get("signal") or f"exit code {evidence.get('exit_code')}"
    text = shorten("\n".join(f"  {line}" for line in lines), TRACEBACK_LIMIT_CHARACTERS)
    child = f"child process {evidence.get('pid')} ({how})"
    return f"\nThe last output of {child}, and its stack where it has left one:\n{text}\n"


def _restored(
    type_: Any, value: Any, parents: list[str], text: str, evidence: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": (isinstance(type_, str) and library_class(type_)) or type_,
        "value": value,
        "_parents": parents,
        "text": text,
        "evidence": evidence,
        "_frames": [],
        "tb": None,
        "count": 0,
        "captureVars": False,
        "pickled": 1,
    }


def sanitize(failure: Failure, **evidence: Any) -> StoredFailure:
    """Return the storable form of any Failure, with this evidence added.

    Builtin exceptions and our own are kept when their arguments are plain values; of any other
    exception the class name, the message and the traceback are.  Long texts are cut in the middle.
    """
    if isinstance(failure, StoredFailure):
        if not evidence:
            return failure
        merged = {**failure.evidence, **evidence}
        kind, value, parents, text, _ = failure.__reduce__()[1]
        return StoredFailure(kind, value, parents, text, merged)
    original = failure.value
    assert original is not None
    kind = type(original)
    message = shorten(message_of(original), MESSAGE_LIMIT_CHARACTERS)
    known = _is_known(kind)
    value = (_copy(original, message) if known else None) or ForeignError(message)
    return StoredFailure(
        kind if known else qual(kind),
        value,
        [qual(base) for base in kind.__mro__],
        shorten(_traceback(failure, message), TRACEBACK_LIMIT_CHARACTERS),
        evidence,
    )


def from_exception(error: BaseException, **evidence: Any) -> StoredFailure:
    """Return the storable form of an exception, with this evidence."""
    return sanitize(Failure(error), **evidence)


def _is_known(kind: type) -> bool:
    home = builtins if kind.__module__ == "builtins" else errors
    return getattr(home, kind.__name__, None) is kind


def _copy(original: BaseException, message: str) -> BaseException | None:
    """Return the exception without traceback, cause and other references; None: impossible."""
    stored = _arguments(original)
    plain = all(type(argument) in PLAIN for argument in stored)
    for args in ([stored] if plain and len(message) < MESSAGE_LIMIT_CHARACTERS else []) + [
        (message,)
    ]:
        try:
            made = type(original)(*args)
        except TypeError:  # this class wants other arguments
            continue
        if isinstance(original, AbortedError) and isinstance(made, AbortedError):
            made.who, made.when, made.times = original.who, original.when, original.times
        return made
    return None


def _arguments(original: BaseException) -> tuple[Any, ...]:
    """Return the arguments of the exception; an OSError keeps its file names elsewhere."""
    if not isinstance(original, OSError) or original.filename is None:
        return original.args
    names = [original.filename, None, original.filename2]
    return (*original.args, *(os.fspath(n) if isinstance(n, os.PathLike) else n for n in names))


def _from_the_call(tb: TracebackType) -> TracebackType:
    """Return the traceback without the frames that lead from a worker's loop to the call."""
    found: TracebackType | None = tb
    after = tb
    while found is not None:
        if found.tb_frame.f_code.co_name in CALLERS:
            after = found.tb_next or found
        found = found.tb_next
    return after


def _traceback(failure: Failure, message: str) -> str:
    """Return the traceback; ``message``: what the exception says, cut."""
    value = failure.value
    assert value is not None
    if failure.tb is not None:
        return traceback_text(value, _from_the_call(failure.tb), message)
    lines = ["Traceback (most recent call last):\n"]
    for function, path, line, _, _ in failure.frames:
        lines.append(f'  File "{path}", line {line}, in {function}\n')
    return "".join(lines) + f"{qual(type(value))}: {message}\n"


def is_failure(result: Any) -> bool:
    """Return whether a result stands for an error."""
    return isinstance(result, StoredFailure | Failure)
