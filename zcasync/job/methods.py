"""Bound methods: the name by which another process finds the very function again.

``__name__`` alone does not do.  The function that it was given to may be hidden by an override, or
by an attribute of the object; it may stand in its class under another name, or in no class at all.

Attributes are looked at where they stand, in the classes and in the object itself, and only one
that may be the method is then asked for, as the worker will.  So neither properties nor other
methods run for it; ``__getattr__`` does where no class has the name.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from zcasync.errors import BadCallable
from zcasync.job.class_source import is_replaced
from zcasync.job.names import leads_to, name_of
from zcasync.text import repr_of

#: Types of bound methods: of classes of Python, and of those of other languages.
METHODS = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)
#: Attributes that are no method of an object, or run an application's code to say so.
NOT_METHODS = (types.FunctionType, property)


class Place(NamedTuple):
    """A class that has a method among its own attributes, and the method's name there."""

    kind: type
    name: str


def method_form(call: Any) -> tuple[Any, str]:
    """Return the object of a method, and the name of the method, or of a function to call with it.

    ``call``: of a persistent object.  A function's name is ``module:qualname``.  Raises BadCallable
    where no name leads back to the very function.
    """
    owner = _unwrapped(call.__self__)
    owner._p_activate()
    attribute = _attribute(owner, call)
    if attribute is not None and _is_written_in(attribute.kind, call):
        return owner, attribute.name
    free = _name_elsewhere(type(owner), call)
    if free is not None:
        return owner, free
    if attribute is not None and not _is_replaced(attribute, type(owner), call):
        return owner, attribute.name
    for place in _places(type(owner), call):
        if not _is_replaced(place, type(owner), call):
            name = _name_in(place.kind, place.name, vars(place.kind)[place.name])
            if name is not None:
                return owner, name
    raise BadCallable(_refusal(owner, call, attribute))


def name_of_class_method(call: Any) -> str:
    """Return the name of a method of a class: its own, or the one that it is inherited by.

    Raises BadCallable where no name leads back to the very function with the very class.
    """
    owner = call.__self__
    names = [getattr(call, "__name__", "")]
    for kind in (owner, type(owner)):
        places = list(_places(kind, call))
        for place in places:
            if _is_replaced(place, kind, call):
                raise BadCallable(_replaced_text(place))
        names += [place.name for place in places]
    for name in names:
        found = _name_in(owner, name, call)
        if found is not None:
            return found
    try:
        return name_of(call)
    except BadCallable as error:
        raise BadCallable(
            f"{error}; a method of a class is found by the name of the class that it was asked of: "
            "put one that no subclass overrides, or a function that calls it"
        ) from None


def _unwrapped(owner: Any) -> Any:
    """Return the object in an acquisition wrapper, which is what is stored; others themselves."""
    return owner if type(owner) is owner.__class__ else getattr(owner, "aq_base", owner)


def _attribute(owner: Any, call: Any) -> Place | None:
    """Return the place of an attribute of the object that leads to the method; None: there is none.

    An attribute that only ``__getattr__`` knows counts as one of the object's class.
    """
    own, kind = getattr(owner, "__dict__", {}), type(owner)
    for name in _names(kind, call):
        found = next((one for one in kind.__mro__ if name in vars(one)), None)
        if name in own or (found is None and not hasattr(kind, "__getattr__")):
            continue
        raw = None if found is None else vars(found)[name]
        is_other = isinstance(raw, NOT_METHODS) and raw is not _function(call)
        if not is_other and _is_same(getattr(owner, name, None), owner, call):
            return Place(found or kind, name)
    return None


def _names(kind: type, call: Any) -> Iterator[str]:
    """Yield the names that a method may have: its own first, then those in the classes."""
    name = getattr(call, "__name__", None)
    if isinstance(name, str):
        yield name
    for place in _places(kind, call):
        yield place.name


def _places(kind: type, call: Any) -> Iterator[Place]:
    """Yield where the function of a method stands in a class and its bases, hidden or not."""
    function = _function(call)
    for one in kind.__mro__:
        for name, raw in list(vars(one).items()):
            if (raw is function and raw is not None) or _holds(raw, call):
                yield Place(one, name)


def _name_in(kind: type, name: str, found: Any) -> str | None:
    """Return the whole name of an attribute of a class where it leads to what was found there."""
    module, qualname = kind.__module__, f"{kind.__qualname__}.{name}"
    is_good = module != "__main__" and leads_to(module, qualname, found)
    return f"{module}:{qualname}" if is_good else None


def _holds(raw: Any, call: Any) -> bool:
    """Return whether an attribute of a class makes a method that is no plain function of it."""
    if isinstance(raw, classmethod):
        return raw.__func__ is _function(call)
    if isinstance(raw, types.MethodDescriptorType | types.WrapperDescriptorType):
        return _function(call) is None and raw.__get__(call.__self__) == call
    return False


def _is_same(found: Any, owner: Any, call: Any) -> bool:
    if isinstance(call, types.MethodType):
        is_method = isinstance(found, types.MethodType)
        return is_method and found.__func__ is call.__func__ and found.__self__ is owner
    return type(found) is type(call) and found == call


def _function(call: Any) -> Any:
    """Return the function of a method; None: it is of a class of another language."""
    return getattr(call, "__func__", None)


def _is_written_in(kind: type, call: Any) -> bool:
    """Return whether a method is one of the functions in the source of a class."""
    function = _function(call)
    if function is None:
        return True  # nothing can be put into such classes afterwards
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return False
    where = code.co_qualname.rpartition(".")[0]
    return where == kind.__qualname__ and function.__module__ == kind.__module__


def _is_replaced(place: Place, owner: type, call: Any) -> bool:
    if _is_written_in(place.kind, call):
        return False
    after = (
        owner.__mro__[owner.__mro__.index(place.kind) + 1 :] if place.kind in owner.__mro__ else ()
    )
    return is_replaced(place.kind, place.name, any(place.name in vars(one) for one in after))


def _name_elsewhere(kind: type, call: Any) -> str | None:
    """Return the name of a function that was put into a class, or bound, and is written elsewhere.

    None for one that has no name of its own, or that is a class's own method.
    """
    function = _function(call)
    try:
        name = name_of(function)
    except BadCallable:
        return None
    module, _, path = name.partition(":")
    above = path.rpartition(".")[0]
    is_of_class = above and any(
        leads_to(module, above, one) for one in kind.__mro__ if one.__module__ == module
    )
    return None if is_of_class else name


def _refusal(owner: Any, call: Any, attribute: Place | None) -> str:
    if attribute is not None:
        return _replaced_text(attribute)
    for place in _places(type(owner), call):
        if _is_replaced(place, type(owner), call):
            return _replaced_text(place)
    name = getattr(call, "__name__", repr_of(_function(call)))
    return (
        f"no name of {type(owner).__qualname__} leads a worker to this very method, whose function "
        f"is {name}: an override or an attribute of the object hides it, or it is bound to the "
        "object alone; put a function of a module, with the object as an argument"
    )


def _replaced_text(place: Place) -> str:
    return (
        f"{place.kind.__qualname__}.{place.name} was replaced after its class was made, by a "
        "function that has no name of its own in a module: a worker would call the one of the "
        "class; put a function of a module, with the object as an argument"
    )
