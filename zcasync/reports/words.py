"""Calls in the words of people: ``Order.charge of <Order 0x6b> (1, number=2)``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from reprlib import Repr
from typing import Any

from twisted.python.failure import Failure
from twisted.python.reflect import qual

from zcasync.job.callables import dotted, name_within
from zcasync.job.failure import StoredFailure
from zcasync.job.ids import id_of
from zcasync.job.record import PartialRecord
from zcasync.job.secret import shown
from zcasync.job.values import Boxed
from zcasync.text import cut, printable

#: Longer representations of one argument, and longer texts of a call, are cut.
ARGUMENT_CHARACTERS = 40
CALL_CHARACTERS = 160
#: A longer text is cut before it is written out: what anybody has put may be large.
WRITTEN_OUT = 1_000_000
#: Containers with more in them are not written out as a whole.
MOST_ITEMS = 10_000
#: Of an exception the listing shows no more than this.
REMARK_CHARACTERS = 100
#: That of a stored object names the connection it was loaded by.
CONNECTION = re.compile(r" in <[\w.]*Connection object>")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
CHOOSE = "zcasync.job.callbacks:choose"
ADOPT = "zcasync.job.callbacks:adopt"


class _Short(Repr):
    """Short representations, in which stored objects have their ids, and nothing an address."""

    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = ARGUMENT_CHARACTERS
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 4

    def repr1(self, x: Any, level: int) -> str:
        if hasattr(x, "_p_jar") and not isinstance(x, type):
            return object_text(x)
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        # Any class's own code runs here.
        text = ADDRESS.sub("", super().repr_instance(x, level))
        return text if "instance at" not in text else f"<{type(x).__qualname__}>"


class _Long(Repr):
    """Representations of what is very large: its beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 1000
        self.maxother = self.maxstring = 10_000


_short, _long = _Short(), _Long()


def object_text(obj: Any) -> str:
    """Return a stored object as ``<Order 0x6b>``; it is not loaded for that."""
    name = type(obj).__qualname__
    return f"<{name}>" if obj._p_oid is None or obj._p_jar is None else f"<{name} {id_of(obj)}>"


def unaddressed(text: str) -> str:
    """Return a representation without addresses in memory, which tell nobody anything."""
    return CONNECTION.sub("", ADDRESS.sub("", text))


def value_text(value: Any) -> str:
    """Return a short representation of a value; never raises."""
    try:
        return printable(_short.repr(value))
    except Exception as error:  # any class's own code may run here
        return f"<{type(value).__qualname__}: repr raised {type(error).__name__}>"


def long_text(value: Any, limit: int) -> str:
    """Return ``repr`` of a value; of one that is very large a part, for ``limit`` characters.

    Raises whatever the ``repr`` of a class raises.
    """
    if isinstance(value, str | bytes) and len(value) > WRITTEN_OUT:
        end = f"... ({len(value):,} characters)"
        return f"{repr(value[:limit])[: limit - len(end)]}{end}"
    return _long.repr(value) if _is_large(value) else repr(value)


def _is_large(value: Any) -> bool:
    """Return whether containers of plain Python hold very much: anybody can put that."""
    size, left = 0, [value]
    while left and size <= MOST_ITEMS:
        one = left.pop()
        kind = type(one)
        if kind in (str, bytes):
            size += len(one) // 100
        elif kind in (list, tuple, set, frozenset, dict):
            size += len(one)
            if size <= MOST_ITEMS:
                left += [*one, *one.values()] if kind is dict else one
    return size > MOST_ITEMS


def name_text(stored: Any) -> str:
    """Return the name of a stored callable, and of the object whose method it is."""
    if isinstance(stored, tuple):
        owner, method = stored
        name = f"{type(owner).__qualname__}.{method}" if ":" not in method else _short_name(stored)
        return f"{name} of {object_text(owner)}"
    if isinstance(stored, functools.partial):
        return f"partial of {name_within(stored)}"
    if hasattr(stored, "_p_jar"):
        return f"call of {object_text(stored)}"
    return _short_name(stored)


def _short_name(stored: Any) -> str:
    return ".".join(dotted(stored).split(".")[-2:])  # the module's own name is enough to know it


def call_text(fields: Any) -> str:
    """Return a call with its arguments; ``fields``: see :class:`zcasync.reports.fields.Fields`.

    A callback that chooses one of two, or that hands a result on, is named by what it does.
    """
    stored, (args, kwargs) = fields.call, fields.arguments
    if stored == CHOOSE:
        return _choice(*args[:2])
    if stored == ADOPT:
        return f"the result for job {id_of(args[0])}"
    text = fields.callable_name if isinstance(stored, Boxed) else name_text(stored)
    listed = ", ".join(_arguments(fields["_secret"], args, kwargs))
    if isinstance(stored, tuple):
        text += f" ({listed})" if listed else ""
    else:
        text += f"({listed})"
    return text if len(text) <= CALL_CHARACTERS else f"{text[: CALL_CHARACTERS - 4]}...)"


def _arguments(secret: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    for place, value in enumerate(args):
        yield shown(secret, place, value, value_text)
    for name, value in kwargs.items():
        yield f"{printable(str(name))}={shown(secret, name, value, value_text)}"


def _choice(success: Any, failure: Any) -> str:
    """Return a callback that calls one of two, by their own names."""
    both = ((success, "success"), (failure, "failure"))
    named = [
        f"on {when}: {one.callable_name if one.is_packed else name_text(one.stored_callable)}"
        for one, when in both
        if isinstance(one, PartialRecord)
    ]
    return ", ".join(named)


def ending_text(result: Any) -> str | None:
    """Return in a few words how a call has failed; None: it has not.

    ``cancelled by anna``, ``crashed 10 times: exit 3``, ``failed: ValueError: no card``.
    """
    if not isinstance(result, Failure):
        return None
    kind = kind_text(type_name(result))
    value, evidence = result.value, getattr(result, "evidence", {})
    times = getattr(value, "times", None) or 1
    often = "" if times == 1 else f" {times} times"
    if kind == "JobCancelled":
        return f"cancelled by {getattr(value, 'who', None) or 'an operator'}"
    if kind == "JobCrashed":
        return f"crashed{often}: {_exit(evidence)}"
    if kind == "JobInterrupted":
        return f"interrupted{often}: its supervisor was gone"
    if kind == "DeadlineMissed":
        return "not begun in time"
    said = result.getErrorMessage().strip().partition("\n")[0]
    return cut(f"failed: {kind}: {said}" if said else f"failed: {kind}", REMARK_CHARACTERS)


def type_name(failure: Failure) -> str:
    """Return the dotted name of a failure's exception."""
    if isinstance(failure, StoredFailure):
        return failure.type_name
    return qual(failure.type) if isinstance(failure.type, type) else str(failure.type)


def kind_text(name: str) -> str:
    """Return the name of an exception as people know it: without our module, and Python's."""
    return name.removeprefix("builtins.").removeprefix("zcasync.errors.")


def _exit(evidence: dict[str, Any]) -> str:
    """Return how a process has ended: ``exit 3``, ``killed by SIGSEGV``."""
    if evidence.get("signal"):
        return f"killed by {evidence['signal']}"
    code = evidence.get("exit_code")
    return "its process ended" if code is None else f"exit {code}"
