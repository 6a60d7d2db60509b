"""Callables and classes for partials that the tests perform in their own process."""

from __future__ import annotations

import sys
from typing import Any

import transaction
from persistent import Persistent
from persistent.mapping import PersistentMapping
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from zcasync.partial import Partial

#: What ``note`` was called with in this process, in order.
NOTED: list[Any] = []


class Demo(Persistent):
    """Counts."""

    counter = 0

    def increase(self, value: int = 1) -> int:
        self.counter += value
        return self.counter

    def increase_and_raise(self) -> None:
        self.counter += 1
        raise ValueError("after the increase")

    def increase_and_fail(self) -> Failure:
        self.counter += 1
        return Failure(ValueError("after the increase"))

    @classmethod
    def make(cls) -> str:
        return cls.__name__


class Plain:
    """Not persistent."""

    def method(self) -> None:
        """Would run on a copy."""

    def __call__(self) -> None:
        """Neither has it a name."""


class TwoArguments(Exception):
    """Pickles, and cannot be loaded again."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


class BadText(Exception):
    """Has no message."""

    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class NotLoadable:
    """Pickles, and cannot be loaded again."""

    def __setstate__(self, state: object) -> None:
        raise RuntimeError("will not be loaded")

    def __getstate__(self) -> dict[str, int]:
        return {"some": 1}


class NotPicklable:
    """Refuses."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("will not be pickled")


def nothing() -> None:
    """A no-op."""


def unpicklable() -> NotPicklable:
    return NotPicklable()


def multiply(*numbers: int) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def echo(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    return (*args, kwargs)


def give_back(value: Any) -> Any:
    return value


def note(*args: Any) -> Any:
    NOTED.append(args[0] if len(args) == 1 else args)
    return args[-1] if args else None


def note_and_raise(value: Any) -> None:
    NOTED.append(value)
    raise ValueError(f"callback with {value!r}")


def raise_value_error(*args: Any) -> None:
    raise ValueError("as it was told")


def raise_two_arguments() -> None:
    raise TwoArguments(404, "gone")


def raise_bad_text() -> None:
    raise BadText


def raise_long(characters: int) -> None:
    raise ValueError("x" * characters)


def recurse(depth: int) -> None:
    """A deep traceback whose lines are long and do not repeat each other."""
    if not depth:
        raise ValueError("deep")
    name = f"f{depth}_{'x' * 200}"
    functions: dict[str, Any] = {}
    exec(f"def {name}(go):\n    go({depth - 1})", functions)
    functions[name](recurse)


def leave() -> None:
    sys.exit(3)


def interrupt(*args: Any) -> None:
    raise KeyboardInterrupt


def handle(failure: Failure) -> str:
    failure.trap(ValueError)
    return "handled"


def result_of(kind: str) -> Any:
    """Results that make trouble."""
    return {
        "not picklable": NotPicklable,
        "not loadable": NotLoadable,
        "a lambda": lambda: lambda: None,
        "a generator": lambda: (number for number in ()),
        "inside a new object": lambda: PersistentMapping(bad=NotPicklable()),
        "5 MB": lambda: "x" * 5_000_000,
        "17 MB": lambda: b"x" * 17_000_000,
    }[kind]()


def open_deferred(*ignored: Any) -> Deferred[Any]:
    """One that has not fired."""
    return Deferred()


def make_seven(*ignored: Any) -> int:
    return 7


def make_six() -> int:
    return 6


def put_and_return(partial: Partial, call: Any, levels: int = 1) -> Partial:
    """Put a call in the caller's queue, behind so many levels, and return its partial."""
    inner = Partial(call) if levels == 1 else Partial.bind(put_and_return, call, levels - 1)
    return partial.queue.put(inner)


def put_in(queue: Any, call: Any, *ignored: Any) -> Partial:
    """A callback that puts a call, and returns its partial."""
    return queue.put(call)


def call_partial(partial: Partial, *ignored: Any) -> Any:
    """A callback that calls another partial."""
    return partial()


def return_itself(partial: Partial) -> Partial:
    return partial


def add_callback_to(partial: Partial, *ignored: Any) -> None:
    """A callback that adds one more."""
    partial.addCallback(Partial(note, "added while callbacks ran"))


def undo(obj: Any, tid: bytes) -> None:
    """Undo a transaction of the object's database, in one of its own."""
    manager = transaction.TransactionManager()
    obj._p_jar.db().undo(tid, manager.get())
    manager.commit()
