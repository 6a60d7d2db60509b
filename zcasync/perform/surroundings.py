"""The surroundings of calls: what a call finds in its thread and its process, and leaves there.

They are remembered once, and put back after each attempt at a call, with its commit, so that a
callback, the next attempt and the next job find them as if they were the first.  Context variables
need no putting back: each attempt runs in a context of its own.

``OF_THREAD`` belong to one thread, ``OF_PROCESS`` to all of them: where other threads are at work
of their own, nobody knows which of them has changed the latter.  A module that is not loaded has
changed nothing, so none is loaded here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import types
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextvars import copy_context
from typing import Any, NamedTuple, TypeVar

from zcasync.job.callables import call_here

T = TypeVar("T")


class Surrounding(NamedTuple):
    """One thing that is put back: ``put_back(value)`` makes it as it was when ``read()`` gave that.

    Both are called after each job: they cost next to nothing where nothing has changed.
    """

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], None]


#: Surroundings as they were found.
Found = list[tuple[Callable[[Any], None], Any]]


class Surroundings:
    """The surroundings of one thread of jobs, as they were before the first of these.

    ``call(callable, *args, **kwargs)`` makes a call.
    """

    def __init__(self, kept: Sequence[Surrounding], call: Callable[..., Any] = call_here) -> None:
        self._kept = kept
        self._call = call
        self._found: Found = []
        self._modules = -1

    def _remember(self) -> None:
        self._found = read(self._kept)
        self._modules = len(sys.modules)

    def put_back(self) -> None:
        """Make all as it was.  Raises what an application's site raises when it is set again."""
        put_back(self._found)
        self._modules = len(sys.modules)

    def within(self, work: Callable[..., T], /, *args: Any) -> T:
        """Return ``work(*args)``, done in a context of its own; put the surroundings back.

        Work within other work does the same.
        """
        if not self._found:
            self._remember()
        try:
            return in_own_context(work, *args)
        finally:
            self.put_back()

    def invoke(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make a call: the ``invoke`` of a Host.

        What its modules have set when they were imported for it, a timeout for instance, is the
        configuration of the application: a later job finds it, too.
        """
        if len(sys.modules) != self._modules:
            self._remember()
        return self._call(call, *args, **kwargs)


def in_own_context(work: Callable[..., T], /, *args: Any) -> T:
    """Return ``work(*args)``, done in a copy of this context: what it sets there is gone then."""
    return copy_context().run(_with_own_decimals, work, args)


def _with_own_decimals(work: Callable[..., T], args: tuple[Any, ...]) -> T:
    """Work with a decimal context of its own: a copied context refers to the same one."""
    decimal = sys.modules.get("decimal")
    if decimal is not None:
        decimal.setcontext(decimal.DefaultContext)  # which makes a copy of that
    return work(*args)


def read(surroundings: Sequence[Surrounding]) -> Found:
    """Return these as they are now."""
    return [(one.put_back, one.read()) for one in surroundings]


def put_back(found: Found) -> None:
    """Make these as they were: what ``read`` has returned, in another thread too."""
    for make, value in found:
        make(value)


@contextlib.contextmanager
def kept(surroundings: Sequence[Surrounding]) -> Iterator[None]:
    """Put these back, as they are now, at the end of the ``with`` block."""
    found = read(surroundings)
    try:
        yield
    finally:
        put_back(found)


def kept_in_steps(
    coroutine: Coroutine[Any, Any, T], surroundings: Sequence[Surrounding]
) -> Generator[Any, Any, T]:
    """Return the coroutine as a generator that puts these back whenever it awaits, or has ended.

    Others are at work while it waits.
    """
    step, given = coroutine.send, None
    while True:
        with kept(surroundings):
            try:
                awaited = step(given)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
        try:
            step, given = coroutine.send, (yield awaited)
        except BaseException as error:  # whatever is thrown is the coroutine's, GeneratorExit too
            step, given = coroutine.throw, error  # type: ignore[assignment]


# of a thread


def _loaded(name: str, attribute: str) -> types.ModuleType | None:
    """Return a module that is loaded, and not just being imported by another thread."""
    module = sys.modules.get(name)
    return module if hasattr(module, attribute) else None


def _site() -> Any:
    hooks = _loaded("zope.component.hooks", "getSite")
    return None if hooks is None else hooks.getSite()


def _put_back_site(site: Any) -> None:
    if _site() is not site:
        sys.modules["zope.component.hooks"].setSite(site)


def _interaction() -> Any:
    management = _loaded("zope.security.management", "queryInteraction")
    return None if management is None else management.queryInteraction()


def _put_back_interaction(interaction: Any) -> None:
    if _interaction() is not interaction:
        management = sys.modules["zope.security.management"]
        management.endInteraction()
        management.endInteraction()  # the second time: what restoreInteraction would bring back
        if interaction is not None:
            management.thread_local.interaction = interaction


def _security_manager() -> Any:
    management = _loaded("AccessControl.SecurityManagement", "SecurityManager")
    return None if management is None else management.getSecurityManager()


def _put_back_security_manager(manager: Any) -> None:
    management = _loaded("AccessControl.SecurityManagement", "SecurityManager")
    if management is None:
        return
    if manager is None:
        management.noSecurityManager()
    else:
        management.setSecurityManager(manager)


def _request() -> Any:
    module = _loaded("zope.globalrequest", "getRequest")
    return None if module is None else module.getRequest()


def _put_back_request(request: Any) -> None:
    if _request() is not request:
        sys.modules["zope.globalrequest"].setRequest(request)


def _requests() -> list[Any]:
    """Return the requests of Pyramid that are current in this thread, the innermost last."""
    threadlocal = _loaded("pyramid.threadlocal", "manager")
    return [] if threadlocal is None else list(threadlocal.manager.stack)


def _put_back_requests(requests: list[Any]) -> None:
    threadlocal = _loaded("pyramid.threadlocal", "manager")
    if threadlocal is not None and threadlocal.manager.stack != requests:
        threadlocal.manager.stack[:] = requests


# of a process


def _put_back_timeout(timeout: float | None) -> None:
    if socket.getdefaulttimeout() != timeout:
        socket.setdefaulttimeout(timeout)


def _filters() -> tuple[list[Any], list[Any]]:
    """Return the warnings filters: the list that is in use, and its contents."""
    filters: Any = warnings.filters
    return filters, list(filters)


def _put_back_filters(found: tuple[list[Any], list[Any]]) -> None:
    filters, contents = found
    current: Any = warnings.filters
    if current is not filters or filters != contents:
        warnings.filters = filters
        warnings.resetwarnings()  # says that they have changed, too
        filters[:] = contents


def _directory() -> str:
    """Return the current directory, '' where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _put_back_directory(directory: str) -> None:
    if directory and _directory() != directory:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # it is gone meanwhile
            os.chdir(directory)


def _umask() -> int:
    """Return the umask, which the system tells only to those who set one."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _put_back_umask(umask: int) -> None:
    os.umask(umask)  # costs no more than to look


DIRECTORY = Surrounding("current directory", _directory, _put_back_directory)
TIMEOUT = Surrounding("socket timeout", socket.getdefaulttimeout, _put_back_timeout)
FILTERS = Surrounding("warnings filters", _filters, _put_back_filters)

OF_THREAD = (
    Surrounding("site", _site, _put_back_site),
    Surrounding("interaction of zope.security", _interaction, _put_back_interaction),
    Surrounding("AccessControl manager", _security_manager, _put_back_security_manager),
    Surrounding("request of Zope", _request, _put_back_request),
    Surrounding("requests of Pyramid", _requests, _put_back_requests),
)
OF_PROCESS = (
    TIMEOUT,
    FILTERS,
    DIRECTORY,
    Surrounding("umask", _umask, _put_back_umask),
)
#: What one step in a reactor's thread leaves as it was, while threads do what they like.
OF_A_STEP = (*OF_THREAD, TIMEOUT, FILTERS, DIRECTORY)
