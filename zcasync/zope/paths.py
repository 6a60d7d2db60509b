"""Ways: the paths of the objects that a call is made with, gone again before it is made.

A job refers to objects themselves, as all jobs do, and none of them knows where it is: Zope wraps
it in that when somebody goes there.  So a put remembers the path of each, and the worker goes there
for the call.  Whatever is found at the path has to be the very object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any

from Acquisition import aq_base, aq_inner, aq_parent
from persistent import Persistent
from zExceptions import NotFound
from zope.globalrequest import getRequest
from ZPublisher.BaseRequest import RequestContainer

from zcasync.errors import GoneError
from zcasync.job.ids import id_of
from zcasync.partial import Partial

#: What a put remembers: paths by the ids of objects.
PATHS = "paths"
#: Containers in which objects are looked for, and how deep.
CONTAINERS, DEPTH = (list, tuple), 4


# at the put


def path_of(found: Any) -> str:
    """Return the physical path of an object as a text; of the application ``/``."""
    return "/".join(found.getPhysicalPath()) or "/"


def unwrap(partial: Any) -> dict[str, str]:
    """Take the wrappers off the arguments of a call and its callbacks; return the paths, by ids.

    An object that is new, and not yet stored, is added to the database of what it is in.
    """
    unwrapper = _Unwrapper()
    unwrapper.unwrap(partial)
    own = partial.context.get(PATHS) or {}  # of an inner call, which is put itself now
    return {**own, **unwrapper.found}


class _Unwrapper:
    """Takes wrappers off; ``found``: the paths of what had some, by ids."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._seen: set[int] = set()  # partials: one may be its own argument, or its callback's

    def unwrap(self, partial: Any) -> None:
        """Take the wrappers off the arguments of a call and its callbacks, once."""
        if id(partial) in self._seen:
            return
        self._seen.add(id(partial))
        if partial.given_owner is not None:
            self.value(partial.given_owner)
        if not partial.is_packed:
            args, kwargs = partial.argument_forms
            self._unwrap_items(partial.args, enumerate(args))
            self._unwrap_items(partial.kwargs, (kwargs or {}).items())
        for callback in partial.callbacks:
            self.unwrap(callback)

    def _unwrap_inner(self, inner: Any) -> None:
        """Take the wrappers off a call within a call: an argument, or one of two of a callback."""
        before, self.found = self.found, {}
        self.unwrap(inner)
        if self.found and inner.parent is None:  # who calls it reads it, and has no other paths
            known = inner.context.get(PATHS) or {}
            inner.remember_context({**inner.context, PATHS: {**known, **self.found}})
        self.found = before | self.found

    def _unwrap_items(self, view: Any, items: Iterable[Any]) -> None:
        """Write arguments without their wrappers, those that have some, through a view of them."""
        for key, value in list(items):
            bare = self.value(value)
            if bare is not value:
                view[key] = bare

    def value(self, value: Any, depth: int = DEPTH) -> Any:
        """Return a value, or a container of values, without wrappers; itself without any."""
        kind = type(value)
        if kind is MethodType:
            self.value(value.__self__)  # it is stored without its wrapper in any case
        elif isinstance(value, Partial):
            if value.queue is None:  # else it was put, and remembers its own
                self._unwrap_inner(value)
        elif depth and kind in CONTAINERS:
            return _same_or(value, kind(self.value(one, depth - 1) for one in value))
        elif depth and kind is dict:
            return _same_or(value, {key: self.value(one, depth - 1) for key, one in value.items()})
        elif is_wrapped(value):
            name = _id(value)
            if name is not None:
                self.found[name] = path_of(value)
                return aq_base(value)
        return value


def _same_or(value: Any, other: Any) -> Any:
    """Return the value where the other one holds the very same objects."""
    ours, others = (one.values() if isinstance(one, dict) else one for one in (value, other))
    is_same = all(one is another for one, another in zip(ours, others, strict=True))
    return value if is_same else other


def is_wrapped(value: Any) -> bool:
    """Return whether an object is one for a record of its own, in a wrapper that says where."""
    return (
        type(value) is not getattr(value, "__class__", type(value))
        and isinstance(aq_base(value), Persistent)
        and hasattr(value, "getPhysicalPath")
        and value.getPhysicalPath()[0] == ""  # else nobody knows where it begins
    )


def _id(value: Any) -> str | None:
    """Return the id of an object; None: neither it nor anything that it is in is stored."""
    base, above = aq_base(value), aq_inner(value)
    while base._p_jar is None:
        above = aq_parent(above)
        if above is None:
            return None
        jar = getattr(aq_base(above), "_p_jar", None)
        if jar is not None:
            jar.add(base)
    return id_of(base)


# in the worker


def object_at(app: Any, path: str) -> Any:
    """Return the object at a physical path, wrapped.  Raises LookupError."""
    if path == "/":
        return app
    try:
        found = app.unrestrictedTraverse(path.lstrip("/"))
    except (NotFound, KeyError, AttributeError):
        found = None
    is_object = hasattr(aq_base(found), "getPhysicalPath")  # and no attribute of what is above it
    if not is_object or path_of(found) != path:  # else it was acquired from somewhere above
        raise LookupError(f"nothing is at {path}")
    return found


class Ways:
    """The ways to the objects of a call, which are wrapped again for it."""

    def __init__(self, app: Any, partial: Any) -> None:
        self._app = app
        self._job = partial.id
        self._paths: dict[str, str] = partial.context.get(PATHS) or {}

    def prepare_call(
        self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        """Return the call with its objects wrapped.

        Raises GoneError for one that was moved or deleted.
        """
        args = tuple(map(self._wrapped, args))
        kwargs = {name: self._wrapped(one) for name, one in kwargs.items()}
        return self._wrapped(call), args, kwargs

    def keep_result(self, partial: Any, value: Any) -> Any:
        """Return the value of a call without its wrapper, whose path its partial remembers."""
        unwrapper = _Unwrapper()
        bare = unwrapper.value(value)
        if unwrapper.found:
            before = partial.context.get(PATHS) or {}
            partial.remember_context({**partial.context, PATHS: {**before, **unwrapper.found}})
        return bare

    def _wrapped(self, value: Any, depth: int = DEPTH) -> Any:
        kind = type(value)
        if depth and kind in CONTAINERS:
            return kind(self._wrapped(one, depth - 1) for one in value)
        if depth and kind is dict:
            return {key: self._wrapped(one, depth - 1) for key, one in value.items()}
        if kind is MethodType:
            return self._method(value)
        if not isinstance(value, Persistent) or value._p_jar is None:
            return value
        if is_wrapped(value):  # the result of a parent, whose request is over
            return self._go(aq_base(value), path_of(value))
        path = self._paths.get(id_of(value))
        return value if path is None else self._go(value, path)

    def _method(self, method: MethodType) -> Any:
        owner = method.__self__
        wrapped = self._wrapped(owner)
        return method if wrapped is owner else MethodType(method.__func__, wrapped)

    def _go(self, value: Any, path: str) -> Any:
        """Go to an object at its path.  Raises GoneError where it is not there."""
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            found = object_at(self._app, path)
        except LookupError as error:
            raise GoneError(
                f"{path}, a {kind} of job {self._job}, is not there any more: it was moved or "
                "deleted since the put"
            ) from error
        if aq_base(found) is not value:
            raise GoneError(
                f"{path} is another object now than the {kind} of job {self._job}: that was moved "
                f"or deleted since the put, and a {type(aq_base(found)).__qualname__} is there"
            )
        return found


# where results are read, and calls within calls


def in_place(partial: Any, value: Any) -> Any:
    """Return what a job has returned, or is called with, in its wrappers, as it is at its path now.

    Without them where it is not there any more, and where there is no application.
    """
    paths = partial.context.get(PATHS)
    app = _application(partial._p_jar) if paths and not is_wrapped(value) else None
    return value if app is None else _in_place(value, paths, app)


def _in_place(value: Any, paths: Mapping[str, str], app: Any, depth: int = DEPTH) -> Any:
    kind = type(value)
    if kind is MethodType:
        owner = _in_place(value.__self__, paths, app)
        return value if owner is value.__self__ else MethodType(value.__func__, owner)
    if depth and kind in CONTAINERS:
        return _same_or(value, kind(_in_place(one, paths, app, depth - 1) for one in value))
    if depth and kind is dict:
        found = {key: _in_place(one, paths, app, depth - 1) for key, one in value.items()}
        return _same_or(value, found)
    if not isinstance(value, Persistent) or value._p_jar is None or is_wrapped(value):
        return value
    path = paths.get(id_of(value))
    if path is None:
        return value
    try:
        found = object_at(app, path)
    except LookupError:
        return value
    return found if aq_base(found) is value else value


def _application(connection: Any) -> Any:
    """Return the application of a connection or a companion, within the request if there is one."""
    if connection is None:
        return None
    for one in list(connection.connections.values()):
        app = one.root().get("Application")
        if app is not None:
            request = getRequest()
            return app if request is None else app.__of__(RequestContainer(REQUEST=request))
    return None
