"""Methods that ``__name__`` alone does not lead back to, and some that it does.

Each method returns a text that names it.  ``METHODS`` has ways to get methods of a Document.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from BTrees.OOBTree import OOBTree
from persistent import Persistent


def undecorated(function: Callable[..., str]) -> Callable[..., str]:
    """A decorator that leaves its function's name behind."""

    def wrapper(self: Any, *args: Any) -> str:
        return f"wrapped {function(self, *args)}"

    return wrapper


def named(function: Callable[..., str]) -> Callable[..., str]:
    """A decorator that keeps its function's name."""

    @functools.wraps(function)
    def wrapper(self: Any, *args: Any) -> str:
        return f"named {function(self, *args)}"

    return wrapper


class Bound:
    """A decorator that is a class: its methods are bound to the object that it makes."""

    def __init__(self, function: Callable[..., str]) -> None:
        self.function = function

    def __get__(self, obj: Any, kind: Any = None) -> Any:
        return self if obj is None else types.MethodType(self, obj)

    def __call__(self, *args: Any) -> str:
        return f"bound {self.function(*args)}"


class Base(Persistent):
    """The methods that a Document overrides, or inherits."""

    def save(self) -> str:
        return "Base.save"

    def only_base(self) -> str:
        return "Base.only_base"

    @undecorated
    def print(self) -> str:
        return "Base.print"

    def __secret(self) -> str:
        return "Base.__secret"

    def secret_of_base(self) -> Callable[[], str]:
        return self.__secret

    @classmethod
    def make(cls) -> str:
        return f"make of {cls.__name__}"

    @classmethod
    def build(cls) -> str:
        return f"Base.build of {cls.__name__}"


class Kinds(type):
    """A class of classes."""

    def count(cls) -> str:
        return f"count of {cls.__name__}"


class Counted(Base, metaclass=Kinds):
    """A class with a method of its metaclass."""


def put_in_later(document: Any) -> str:
    """A function of a module, which patches put into classes."""
    return f"put_in_later of {type(document).__name__}"


def listed(document: Any, *items: object) -> str:
    """A function that is bound to an object."""
    return f"listed {' '.join(map(str, items))}"


class Document(Base):
    """Overrides."""

    def save(self, *texts: str) -> str:
        return " ".join(("Document.save", *texts))

    def save_of_base(self) -> Callable[[], str]:
        return super().save

    def print(self) -> str:
        return "Document.print"

    def print_of_base(self) -> Callable[[], str]:
        return super().print

    def __secret(self) -> str:
        return "Document.__secret"

    def secret(self) -> Callable[[], str]:
        return self.__secret

    def __secret_wrapped(self) -> str:
        return "Document.__secret_wrapped"

    __secret_wrapped = undecorated(__secret_wrapped)

    def secret_wrapped(self) -> Callable[[], str]:
        return self.__secret_wrapped

    @undecorated
    def wrapper(self) -> str:  # the name that all functions of that decorator have
        return "Document.wrapper"

    @undecorated
    def send(self) -> str:
        return "Document.send"

    @named
    def move(self) -> str:
        return "Document.move"

    @Bound
    def copy(self) -> str:
        return "Document.copy"

    @functools.cache  # noqa: B019
    def size(self) -> str:
        return "Document.size"

    lower = lambda self: "Document.lower"  # noqa: E731
    upper = lambda self: "Document.upper"  # noqa: E731
    alias = send
    later = put_in_later
    save_twice = functools.partialmethod(save, "twice")

    def __call__(self) -> str:
        return "Document.__call__"

    @staticmethod
    def fixed() -> str:
        return "Document.fixed"

    @classmethod
    def build(cls) -> str:
        return f"Document.build of {cls.__name__}"

    @classmethod
    def build_of_base(cls) -> Callable[[], str]:
        return super().build

    @property
    def chosen(self) -> Callable[[], str]:
        return self.secret_of_base()

    async def wait(self) -> str:
        return "Document.wait"

    class Inner(Base):
        """A nested class."""

        def save(self) -> str:
            return "Document.Inner.save"

        def save_of_base(self) -> Callable[[], str]:
            return super().save


Inner = Document.Inner  # the ZODB stores a class by its own name alone


class Dynamic(Persistent):
    """Has methods that no class has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return types.MethodType(listed, self) if name == "listed" else _made(self, name)


@functools.cache
def _function(name: str) -> Callable[..., str]:
    def made(self: Any) -> str:
        return f"made {name}"

    made.__name__ = name
    return made


def _made(owner: Any, name: str) -> Any:
    return types.MethodType(_function(name), owner)


class Tree(OOBTree):  # type: ignore[misc]
    """Overrides a method of a class in C."""

    def insert(self, key: str, value: str) -> str:
        return "Tree.insert"

    def insert_of_base(self) -> Any:
        return super().insert


#: How to get a method of a Document, and what it returns.
METHODS: dict[str, tuple[Callable[[Document], Any], str]] = {
    "an override": (lambda one: one.save, "Document.save"),
    "super": (lambda one: one.save_of_base(), "Base.save"),
    "the base's, by descriptor": (lambda one: Base.save.__get__(one), "Base.save"),
    "super, undecorated": (lambda one: one.print_of_base(), "wrapped Base.print"),
    "inherited": (lambda one: one.only_base, "Base.only_base"),
    "private": (lambda one: one.secret(), "Document.__secret"),
    "private of the base": (lambda one: one.secret_of_base(), "Base.__secret"),
    "private, undecorated": (
        lambda one: one.secret_wrapped(),
        "wrapped Document.__secret_wrapped",
    ),
    "undecorated, by the wrapper's name": (lambda one: one.wrapper, "wrapped Document.wrapper"),
    "undecorated": (lambda one: one.send, "wrapped Document.send"),
    "decorated": (lambda one: one.move, "named Document.move"),
    "decorated by a class": (lambda one: one.copy, "bound Document.copy"),
    "cached": (lambda one: one.size, "Document.size"),
    "a lambda": (lambda one: one.lower, "Document.lower"),
    "another lambda": (lambda one: one.upper, "Document.upper"),
    "an alias": (lambda one: one.alias, "wrapped Document.send"),
    "a function of a module": (lambda one: one.later, "put_in_later of Document"),
    "bound to the object": (lambda one: types.MethodType(listed, one), "listed "),
    "of the property": (lambda one: one.chosen, "Base.__secret"),
    "partialmethod": (lambda one: one.save_twice, "Document.save twice"),
    "a functools.partial": (lambda one: functools.partial(one.save, "x"), "Document.save x"),
    "a functools.partial of super": (
        lambda one: functools.partial(one.save_of_base()),
        "Base.save",
    ),
    "a functools.partial of a private one": (
        lambda one: functools.partial(functools.partial(one.secret())),
        "Document.__secret",
    ),
    "a functools.partial of a bound function": (
        lambda one: functools.partial(types.MethodType(listed, one), "a", "b"),
        "listed a b",
    ),
    "__call__": (lambda one: one.__call__, "Document.__call__"),
    "the object": (lambda one: one, "Document.__call__"),
    "static": (lambda one: one.fixed, "Document.fixed"),
    "of the class": (lambda one: one.build, "Document.build of Document"),
    "of the class, inherited": (lambda one: one.make, "make of Document"),
    "of the base class": (lambda one: Base.make, "make of Base"),
    "of the metaclass": (lambda one: Counted.count, "count of Counted"),
    "of a nested class": (lambda one: Document.Inner().save, "Document.Inner.save"),
    "super of a nested class": (lambda one: Document.Inner().save_of_base(), "Base.save"),
    "a coroutine": (lambda one: one.wait, "Document.wait"),
    "dynamic": (lambda one: Dynamic().anything, "made anything"),
    "dynamic, of a function": (lambda one: Dynamic().listed, "listed "),
}
