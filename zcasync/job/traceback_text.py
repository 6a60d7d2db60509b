"""The text of a traceback, whatever the exceptions in it make of being asked what they say.

Python's own formatting asks each of them again, and copies what they answer several times: a
gigabyte would be the end of the process.  So they are asked first, once, and what says too much, or
fails, is formatted here.
"""

from __future__ import annotations

import traceback
from types import TracebackType

from twisted.python.reflect import qual

from zcasync.text import message_of, shorten

#: A longer message keeps its beginning and its end.
MESSAGE_LIMIT_CHARACTERS = 10_000
#: Of a longer line of causes the last are left out.
MOST_CAUSES = 50
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def traceback_text(value: BaseException, tb: TracebackType | None, message: str) -> str:
    """Return the traceback ``tb`` of an exception, which says ``message``, and of its causes."""
    is_modest = len(message) < MESSAGE_LIMIT_CHARACTERS and _has_modest_notes(value)
    if is_modest and all(map(_is_modest, _others(value))):
        return "".join(traceback.format_exception(type(value), value, tb))
    parts = [_part(value, tb, message)]
    while len(parts) < MOST_CAUSES and (before := _before(value)) is not None:
        link = _CONTEXT if value.__cause__ is None else _CAUSE
        text = shorten(message_of(before), MESSAGE_LIMIT_CHARACTERS)
        parts += [link, _part(before, before.__traceback__, text)]
        value = before
    return "".join(reversed(parts))


def _part(value: BaseException, tb: TracebackType | None, message: str) -> str:
    frames = "".join(traceback.format_tb(tb))
    return f"Traceback (most recent call last):\n{frames}{qual(type(value))}: {message}\n"


def _before(value: BaseException) -> BaseException | None:
    """Return the exception that is shown before this one."""
    if value.__cause__ is not None or value.__suppress_context__:
        return value.__cause__
    return value.__context__


def _others(value: BaseException) -> list[BaseException]:
    """Return the exceptions that are shown with one: causes, contexts, members of groups."""
    found: list[BaseException] = []
    seen, left = {id(value)}, [value]
    while left:
        one = left.pop()
        members = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        for other in (_before(one), *members):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                found.append(other)
                left.append(other)
    return found


def _is_modest(value: BaseException) -> bool:
    """Return whether an exception says what it is about, and not too much."""
    return len(message_of(value)) < MESSAGE_LIMIT_CHARACTERS and _has_modest_notes(value)


def _has_modest_notes(value: BaseException) -> bool:
    notes = getattr(value, "__notes__", ())
    if type(notes) not in (list, tuple):
        return False
    lengths = [len(note) if type(note) is str else MESSAGE_LIMIT_CHARACTERS for note in notes]
    return sum(lengths) < MESSAGE_LIMIT_CHARACTERS
