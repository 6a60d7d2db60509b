"""Kept calls: the form that a call has from its put on, and the values that are made of it.

An application may go on changing the lists and objects that it has given to a call, and a call may
change what it is given.  So what is kept belongs to nobody: values that can be changed are copied,
packed or boxed once, and copied or loaded anew for each attempt.  Stored objects stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.errors import FOREIGN_CODE, UnloadableArguments, UnstorableError
from zcasync.job.copies import copied
from zcasync.job.packed import SIMPLE, Packed, is_plain, pack
from zcasync.job.values import INLINE_LIMIT_BYTES, Boxed, boxed, checked, is_light, is_short
from zcasync.text import message_of

Args = tuple[Any, ...]
Kwargs = dict[str, Any] | None
#: The pickles, by the names of their parts of a call, that its check has made.
Pickles = Mapping[str, Packed]


class Call(NamedTuple):
    """A call to be made: its values, and the dotted names in whose place are stand-ins.

    ``is_simple``: it is a function's, with numbers and texts, or nothing, as arguments.
    """

    callable: Any
    args: Args
    kwargs: Kwargs
    missing: tuple[str, ...] = ()
    is_simple: bool = False


def named(args: Args, kwargs: Kwargs) -> Iterator[tuple[str, Any]]:
    """Yield the arguments, each with its name."""
    for index, value in enumerate(args):
        yield f"args[{index}]", value
    for name, value in (kwargs or {}).items():
        yield f"kwargs[{name!r}]", value


def has_box(args: Args, kwargs: Kwargs) -> bool:
    """Return whether one of the arguments has a record of its own."""
    return any(isinstance(value, Boxed) for value in (*args, *(kwargs or {}).values()))


def same(value: Any) -> Any:
    """Return the value."""
    return value


def keep_callable(call: Any, name: str, pickles: Pickles) -> Packed | Boxed:
    """Return a callable that is no stored one as it is kept.  Raises UnstorableError."""
    packed = pickles.get("callable") or pack(call, "callable")
    is_large = len(packed.data) > INLINE_LIMIT_BYTES
    return boxed(call, packed, f"callable of {name}") if is_large else packed


def keep_arguments(args: Args, kwargs: Kwargs, name: str, pickles: Pickles) -> dict[str, Any]:
    """Return the attributes of the record that keep the arguments of the call of ``name``.

    Raises UnstorableError for what is too large, or cannot be pickled.
    """
    keeper = _Keeper(name, pickles)
    forms = [keeper.form(part, value) for part, value in named(args, kwargs)]
    names = map(str.__str__, kwargs or {})  # of no class of an application
    args, kwargs = tuple(forms[: len(args)]), dict(zip(names, forms[len(args) :], strict=True))
    if not keeper.is_plain:
        return {"_packed": pack((args, kwargs or None), f"call of {name}")}
    kept = {"_args": args, "_kwargs": kwargs}
    return {attribute: value for attribute, value in kept.items() if value}


class _Keeper:
    """The keeping of the arguments of one call; ``is_plain``: the record can have them as it is."""

    def __init__(self, name: str, pickles: Pickles) -> None:
        self.is_plain = True
        self._name = name
        self._pickles = pickles
        self._copies: dict[int, Any] = {}
        self._boxes: dict[int, Boxed] = {}

    def form(self, part: str, value: Any) -> Any:
        """Return an argument as it is kept; itself where that is packed with all others."""
        if is_short(value) or isinstance(value, Boxed):
            return value
        if id(value) in self._boxes:
            return self._boxes[id(value)]
        packed, plain = self._pickles.get(part), is_plain(value)
        is_simple, what = type(value) in SIMPLE, f"{part} of {self._name}"
        if packed is None and not is_simple and not (plain and is_light(value)):
            packed = pack(value, what)
        if is_simple or (packed is not None and len(packed.data) > INLINE_LIMIT_BYTES):
            made = self._boxes[id(value)] = boxed(value, packed, what)
            return made
        if plain:
            return copied(value, self._copies)
        self.is_plain = False
        return value


class Opener:
    """The making of values from what is kept; what was the same object there is the same here.

    ``name``: that of the callable; ``jar``: the connection, None: none.  ``missing``: the dotted
    names in whose place are stand-ins.
    """

    def __init__(self, name: str, jar: Any) -> None:
        self.missing: list[str] = []
        self._name = name
        self._jar = jar
        self._copies: dict[int, Any] = {}
        self._opened: dict[int, Any] = {}

    def arguments(
        self, args: Args, kwargs: Kwargs, make: Callable[[Any], Any]
    ) -> tuple[Args, Kwargs]:
        """Return the arguments with all boxes opened; ``make(value)`` makes those of the others."""
        values = [
            self._open(value, part) if isinstance(value, Boxed) else make(value)
            for part, value in named(args, kwargs)
        ]
        return tuple(values[: len(args)]), dict(zip(kwargs or {}, values[len(args) :], strict=True))

    def copy(self, value: Any) -> Any:
        """Return a copy of a plain value."""
        return copied(value, self._copies)

    def load(self, kept: Packed | Boxed, what: str) -> Any:
        """Return what is packed or boxed, made anew.  Raises UnloadableArguments."""
        try:
            value, missing = kept.load_noting(self._jar)
        except (TransientError, StorageError):
            raise  # the fault of the storage, not of the arguments
        except FOREIGN_CODE as error:  # all that loading the application's objects raises
            raise UnloadableArguments(
                f"the {what} of {self._name} cannot be loaded: {_reason(error)}"
            ) from error
        self.missing += missing
        return value

    def _open(self, box: Boxed, part: str) -> Any:
        if id(box.box) not in self._opened:
            self._opened[id(box.box)] = self.load(box, part)
        return self._opened[id(box.box)]


def _reason(error: BaseException) -> str:
    if isinstance(error, POSKeyError):
        return f"there is no record {message_of(error)}"
    return f"{type(error).__name__}: {message_of(error)[:200]}"


def copy_of(value: Any, jar: Any = None) -> Any:
    """Return a copy of what a caller gives to a call, for one attempt; stored objects are the same.

    What cannot be stored cannot be copied, and is handed over as it is.
    """
    if is_plain(value):
        return copied(value)
    try:
        packed = checked(value, "argument")
    except UnstorableError:
        return value
    return packed.load(jar)
